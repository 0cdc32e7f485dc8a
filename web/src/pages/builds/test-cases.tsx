import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { testCasesQ } from '../../api/builds';
import { ErrorBox } from '../../components/error-box';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';
import { ReportStatus } from './report-status';

/** How a test can end, what needs a look first. */
export const results = ['FAILED', 'ERROR', 'SKIPPED', 'UNKNOWN', 'SUCCEEDED'] as const;

/** The tests of a report, with what those say that failed. */
export function TestCases({ report }: { report: string }) {
  const { t, locale } = useBuildWords();
  const [status, setStatus] = useState('');
  const list = useInfiniteQuery(testCasesQ(report, status));
  const label = (value: string) => (value ? t(`r${value as (typeof results)[number]}`) : t('anyResult'));
  const took = (n = 0) => new Intl.NumberFormat(locale, { style: 'unit', unit: 'millisecond', unitDisplay: 'narrow', maximumFractionDigits: 1 }).format(n / 1e6);
  return (
    <SpaceBetween size="m">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table
        items={list.data?.pages.flatMap((p) => p.testCases ?? []) ?? []}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={t('noTests')}
        wrapLines
        ariaLabels={{ tableLabel: t('testsOf') }}
        header={<Header variant="h2">{t('testsOf')}</Header>}
        filter={<div className="filters"><Select ariaLabel={t('status')} selectedOption={{ value: status, label: label(status) }} options={['', ...results].map((value) => ({ value, label: label(value) }))} onChange={(e) => setStatus(e.detail.selectedOption.value ?? '')} /></div>}
        columnDefinitions={[
          {
            id: 'name', header: t('testCase'), isRowHeader: true,
            cell: (c) => (c.message ? <ExpandableSection headerText={c.name}><pre className="code" tabIndex={0}>{c.message}</pre></ExpandableSection> : c.name),
          },
          { id: 'suite', header: t('testSuite'), cell: (c) => c.testSuiteName ?? c.prefix ?? '–' },
          { id: 'status', header: t('status'), cell: (c) => <ReportStatus value={c.status} /> },
          { id: 'for', header: t('duration'), cell: (c) => took(c.durationInNanoSeconds) },
        ]}
        footer={list.hasNextPage && <Box textAlign="center"><Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('moreTests')}</Button></Box>}
      />
    </SpaceBetween>
  );
}
