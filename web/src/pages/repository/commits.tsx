import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearchParams } from 'react-router';
import { codePath, historyQ, type Change, type History } from '../../api/code';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import { Waiting } from '../../components/waiting';
import { useCodeWords } from '../../i18n/code';
import { RefPicker, useDefaultRef } from './ref-picker';
import './repository.css';

/** The history of a branch, or of a file. */
export default function Commits({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const [query] = useSearchParams();
  const standard = useDefaultRef(repository);
  const ref = query.get('ref') ?? standard.ref;
  const path = query.get('path') ?? '';
  if (standard.empty && !query.get('ref')) return <Box color="text-body-secondary">{t('noCommits')}</Box>;
  return (
    <SpaceBetween size="m">
      <div className="code-bar">
        <div className="picker"><RefPicker repository={repository} value={ref} label={t('branch')} onChange={(next) => void go(codePath(repository, 'commits', { ref: next, path }))} /></div>
        {path && <strong>{t('fileHistory', { name: path })}</strong>}
      </div>
      {ref && <CommitList repository={repository} of={{ tip: ref, ...(path && { path }) }} />}
    </SpaceBetween>
  );
}

/** days puts commits of one day together. */
export function days(commits: Change[], locale: string): [string, Change[]][] {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'long' });
  const found: [string, Change[]][] = [];
  for (const c of commits) {
    const day = format.format(c.at * 1000);
    const last = found.at(-1);
    if (last?.[0] === day) last[1].push(c);
    else found.push([day, [c]]);
  }
  return found;
}

/** Commits, the newest first, as far back as somebody wants to read. */
export function CommitList({ repository, of }: { repository: string; of: History }) {
  const { t, ago, at, locale } = useCodeWords();
  const list = useInfiniteQuery(historyQ(repository, of));
  if (list.isError) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Waiting />;
  const commits = list.data.pages.flatMap((p) => p.commits);
  if (!commits.length) return <Box color="text-body-secondary">{t('noCommits')}</Box>;
  return (
    <div>
      {days(commits, locale).map(([day, some]) => (
        <section key={day + some[0]?.id} aria-label={day}>
          <h3 className="commit-day">{day}</h3>
          <ul className="commit-list">
            {some.map((c) => (
              <li key={c.id}>
                <span className="cut grow"><LinkTo to={codePath(repository, `commits/${c.id}`)}>{c.message.split('\n')[0] || c.id}</LinkTo></span>
                <span>{c.author}</span>
                <span className="quiet"><code>{c.id.slice(0, 8)}</code> · <span title={at(c.at)}>{ago(c.at)}</span></span>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {list.hasNextPage && <Box textAlign="center" padding="s"><Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('olderCommits')}</Button></Box>}
    </div>
  );
}
