import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { summaryQ, type Summary } from '../../api/queries';
import { LinkTo } from '../../components/link-to';
import { Status } from '../../components/status';
import { usePullWords } from '../../i18n/pulls';

/** runsWith finds the newest run of each pipeline that had a commit as a source. */
export const runsWith = (pipelines: Summary[], commit: string) =>
  pipelines.flatMap((p) => {
    const run = p.recent?.find((r) => r.revisions?.some((s) => s.revision.revisionId === commit));
    return run ? [{ pipeline: p.name, run }] : [];
  });

/** What pipelines say of a commit. */
export function Statuses({ commit }: { commit: string }) {
  const { t } = usePullWords();
  const list = useQuery(summaryQ({ search: commit, size: 50 }));
  const found = runsWith(list.data?.pipelines ?? [], commit);
  return (
    <Container header={<Header variant="h3">{t('pipelinesOf', { id: commit.slice(0, 8) })}</Header>}>
      {found.length ? (
        <SpaceBetween size="xs">
          {found.map(({ pipeline, run }) => (
            <div key={pipeline} className="rule"><LinkTo to={`/pipelines/${encodeURIComponent(pipeline)}`}>{pipeline}</LinkTo><Status value={run.status} /></div>
          ))}
        </SpaceBetween>
      ) : (
        <Box color="text-body-secondary">{t('noPipelinesOf')}</Box>
      )}
    </Container>
  );
}
