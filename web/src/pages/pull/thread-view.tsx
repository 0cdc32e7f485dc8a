import Badge from '@cloudscape-design/components/badge';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { aws } from '../../api/aws';
import { nameOf, type Comment, type Thread } from '../../api/pulls';
import { sessionQ } from '../../api/queries';
import { complain } from '../../flash';
import { usePullWords } from '../../i18n/pulls';
import { CommentForm } from './comment-form';
import './pull.css';

const Document = lazy(() => import('../../code/markdown'));

/** A remark and its answers. current is the newest commit of the source: remarks on older ones say so. */
export function ThreadView({ thread, current, inPlace, onChange }: { thread: Thread; current?: string; inPlace?: boolean; onChange: () => void }) {
  const { t } = usePullWords();
  const [replying, setReplying] = useState(false);
  const { location } = thread;
  const reply = async (content: string) => {
    await aws('codecommit', 'PostCommentReply', { inReplyTo: thread.root.commentId ?? '', content });
    setReplying(false);
    onChange();
  };
  return (
    <div className="thread">
      {location?.filePath && !inPlace && (
        <div className="thread-at">
          <code>{t('onLine', { name: location.filePath, n: location.filePosition ?? 0 })}</code> {thread.commit !== current && <Badge>{t('onOlder')}</Badge>}
        </div>
      )}
      {[thread.root, ...thread.replies].map((c) => <Remark key={c.commentId} comment={c} onChange={onChange} />)}
      {replying ? (
        <CommentForm label={t('reply')} submit={t('reply')} focused onSubmit={reply} onCancel={() => setReplying(false)} />
      ) : (
        <Button variant="inline-link" onClick={() => setReplying(true)}>{t('reply')}</Button>
      )}
    </div>
  );
}

/** The reactions that CodeCommit knows, as it names them. */
export const reactions: Record<string, string> = {
  ':thumbsup:': '👍', ':thumbsdown:': '👎', ':smile:': '😄', ':heart:': '❤️', ':angry:': '😠', ':confused:': '😕', ':scream:': '😱', ':sob:': '😭', ':clap:': '👏', ':confetti_ball:': '🎉', ':ship:': '🚢', ':eyes:': '👀',
};

function Remark({ comment: c, onChange }: { comment: Comment; onChange: () => void }) {
  const { t, ago, at } = usePullWords();
  const me = useQuery(sessionQ()).data?.arn;
  const [editing, setEditing] = useState(false);
  const commentId = c.commentId ?? '';
  const act = (what: Promise<unknown>) => void what.then(onChange).catch(complain);
  const react = (value: string) => act(aws('codecommit', 'PutCommentReaction', { commentId, reactionValue: c.callerReactions?.includes(value) ? 'none' : value }));
  const store = async (content: string) => {
    await aws('codecommit', 'UpdateComment', { commentId, content });
    setEditing(false);
    onChange();
  };
  return (
    <article className="remark">
      <div className="remark-head">
        <strong>{nameOf(c.authorArn)}</strong>
        <span className="quiet" title={at(c.creationDate)}>{ago(c.creationDate)}{c.lastModifiedDate !== c.creationDate && !c.deleted && ` · ${t('edited')}`}</span>
        <span className="grow" />
        {!c.deleted && (
          <ButtonDropdown
            variant="inline-icon"
            expandToViewport
            ariaLabel={`${t('actions')}: ${nameOf(c.authorArn)}`}
            onItemClick={(e) => {
              if (e.detail.id === 'edit') setEditing(true);
              else if (e.detail.id === 'delete') act(aws('codecommit', 'DeleteCommentContent', { commentId }));
              else react(e.detail.id);
            }}
            items={[
              { text: t('react'), items: Object.entries(reactions).map(([id, text]) => ({ id, text: `${text} ${id.replaceAll(':', '').replace('_', ' ')}` })) },
              ...(c.authorArn === me ? [{ id: 'edit', text: t('editComment') }, { id: 'delete', text: t('deleteComment') }] : []),
            ]}
          />
        )}
      </div>
      {c.deleted ? <em className="quiet">{t('commentDeleted')}</em> : editing ? <CommentForm label={t('editComment')} submit={t('updatePull')} text={c.content} focused onSubmit={store} onCancel={() => setEditing(false)} /> : <Suspense fallback={c.content}><Document text={c.content ?? ''} /></Suspense>}
      {!!Object.keys(c.reactionCounts ?? {}).length && (
        <div className="reactions">
          {Object.entries(c.reactionCounts ?? {}).map(([value, n]) => (
            <button key={value} type="button" aria-pressed={!!c.callerReactions?.includes(value)} aria-label={`${value.replaceAll(':', '')} ${n}`} onClick={() => react(value)}>{reactions[value] ?? value} {n}</button>
          ))}
        </div>
      )}
    </article>
  );
}
