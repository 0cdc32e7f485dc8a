import Container from '@cloudscape-design/components/container';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { codePath, commitQ } from '../../api/code';
import { Comparison } from '../../code/comparison';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import { Waiting } from '../../components/waiting';
import { useCodeWords } from '../../i18n/code';
import './repository.css';

/** One commit: what it says and what it changes, against its first parent. */
export default function Commit({ repository }: { repository: string }) {
  const { t, at } = useCodeWords();
  const id = useParams().id ?? '';
  const commit = useQuery(commitQ(repository, id));
  if (commit.isError) return <ErrorBox error={commit.error} />;
  const c = commit.data;
  if (!c) return <Waiting />;
  const [title = '', ...rest] = (c.message ?? '').trim().split('\n');
  const body = rest.join('\n').trim();
  const seconds = (date?: string) => Number(date?.split(' ')[0]);
  return (
    <SpaceBetween size="m">
      <Container header={<Header variant="h2" actions={<LinkTo to={codePath(repository, 'code', { ref: id })}>{t('browseHere')}</LinkTo>}>{title || id}</Header>}>
        <SpaceBetween size="m">
          {body && <p className="message">{body}</p>}
          <KeyValuePairs
            columns={3}
            items={[
              { label: t('author'), value: `${c.author?.name} <${c.author?.email}>, ${at(seconds(c.author?.date))}` },
              ...(c.committer?.email !== c.author?.email || c.committer?.date !== c.author?.date ? [{ label: t('committed'), value: `${c.committer?.name}, ${at(seconds(c.committer?.date))}` }] : []),
              { label: t('commit'), value: <CopyToClipboard variant="inline" textToCopy={id} textToDisplay={id.slice(0, 12)} copyButtonAriaLabel={t('copyID')} copySuccessText={t('copied')} copyErrorText={t('failed')} /> },
              { label: t('parents'), value: c.parents?.length ? c.parents.map((p) => <span key={p}><LinkTo to={codePath(repository, `commits/${p}`)}>{p.slice(0, 8)}</LinkTo> </span>) : '–' },
            ]}
          />
        </SpaceBetween>
      </Container>
      <Comparison repository={repository} before={c.parents?.[0]} after={id} />
    </SpaceBetween>
  );
}
