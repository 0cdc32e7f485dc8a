import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useInfiniteQuery } from '@tanstack/react-query';
import { coverageQ } from '../../api/builds';
import { ErrorBox } from '../../components/error-box';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';

/** Which files a run covered, those that need it most first. */
export function Coverage({ report }: { report: string }) {
  const { t } = useBuildWords();
  const list = useInfiniteQuery(coverageQ(report));
  const bar = (label: string, percent = 0, covered = 0, missed = 0) => <ProgressBar value={percent} additionalInfo={t('coveredOf', { n: covered, of: covered + missed })} ariaLabel={label} />;
  return (
    <SpaceBetween size="m">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table
        items={list.data?.pages.flatMap((p) => p.codeCoverages ?? []) ?? []}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={t('noReports')}
        ariaLabels={{ tableLabel: t('CODE_COVERAGE') }}
        header={<Header variant="h2">{t('CODE_COVERAGE')}</Header>}
        columnDefinitions={[
          { id: 'file', header: t('file'), isRowHeader: true, cell: (c) => <code>{c.filePath}</code> },
          { id: 'lines', header: t('lineCoverage'), minWidth: 200, cell: (c) => bar(`${t('lineCoverage')} ${c.filePath}`, c.lineCoveragePercentage, c.linesCovered, c.linesMissed) },
          { id: 'branches', header: t('branchCoverage'), minWidth: 200, cell: (c) => bar(`${t('branchCoverage')} ${c.filePath}`, c.branchCoveragePercentage, c.branchesCovered, c.branchesMissed) },
        ]}
        footer={list.hasNextPage && <Box textAlign="center"><Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('moreRows')}</Button></Box>}
      />
    </SpaceBetween>
  );
}
