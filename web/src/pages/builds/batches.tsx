import Header from '@cloudscape-design/components/header';
import { useQuery } from '@tanstack/react-query';
import { batchesOfQ } from '../../api/builds';
import { LinkTo } from '../../components/link-to';
import { Status } from '../../components/status';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';

/** The batches of a project; nothing when it never had one. */
export function Batches({ project }: { project: string }) {
  const { t, ago, at, duration } = useBuildWords();
  const list = useQuery(batchesOfQ(project));
  if (!list.data?.length) return null;
  return (
    <Table
      items={list.data}
      ariaLabels={{ tableLabel: t('batches') }}
      header={<Header variant="h2">{t('batches')}</Header>}
      columnDefinitions={[
        { id: 'id', header: t('name'), isRowHeader: true, cell: (b) => <LinkTo to={`/batches/${encodeURIComponent(b.id ?? '')}`}>{`${b.projectName} ${t('batch')} #${b.buildBatchNumber}`}</LinkTo> },
        { id: 'status', header: t('status'), cell: (b) => <Status value={b.buildBatchStatus} /> },
        { id: 'by', header: t('initiator'), cell: (b) => b.initiator },
        { id: 'at', header: t('started'), cell: (b) => <span title={at(b.startTime)}>{ago(b.startTime)}</span> },
        { id: 'for', header: t('duration'), cell: (b) => duration(b.startTime && b.endTime ? b.endTime - b.startTime : undefined) },
      ]}
    />
  );
}
