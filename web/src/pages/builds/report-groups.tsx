import Box from '@cloudscape-design/components/box';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { reportGroupsQ, type ReportGroup } from '../../api/builds';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';
import { groupPath } from './report-table';

/** Report groups: the same tests, build after build. */
export default function ReportGroups() {
  const { t, ago, at } = useBuildWords();
  const list = useQuery(reportGroupsQ());
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table<ReportGroup>
        items={list.data ?? []}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={<Box textAlign="center"><Box fontWeight="bold">{t('noGroups')}</Box><Box color="text-body-secondary">{t('noGroupsHint')}</Box></Box>}
        ariaLabels={{ tableLabel: t('reportGroups') }}
        header={<Header variant="h1" counter={list.data && `(${list.data.length})`}>{t('testReports')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (g) => <LinkTo to={groupPath(g.arn)}>{g.name}</LinkTo> },
          { id: 'kind', header: t('reportKind'), cell: (g) => t(g.type === 'CODE_COVERAGE' ? 'CODE_COVERAGE' : 'TEST') },
          { id: 'at', header: t('updated'), cell: (g) => <span title={at(g.lastModified)}>{ago(g.lastModified)}</span> },
        ]}
      />
    </SpaceBetween>
  );
}
