import { useQuery } from '@tanstack/react-query';
import { reportsQ, type Report } from '../../api/builds';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';
import { ReportStatus } from './report-status';

export const reportPath = (arn = '') => `/reports/report?${new URLSearchParams({ arn })}`;
export const groupPath = (arn = '') => `/reports/group?${new URLSearchParams({ arn })}`;

/** A report's name is its group's and an id as long as a line; eight characters of it tell reports apart. */
export function nameOf(r: Report): string {
  const [group, id = ''] = r.name?.split(':') ?? [''];
  return `${group}:${id.slice(0, 8)}`;
}

/** Passed tests of all, or covered lines of all; undefined when there is neither. */
export function share(r: Report): number | undefined {
  const tests = r.testSummary;
  if (tests?.total) return ((tests.statusCounts?.['SUCCEEDED'] ?? 0) / tests.total) * 100;
  return r.codeCoverageSummary?.lineCoveragePercentage;
}

/** Reports by their ARNs. */
export function ReportTable({ arns }: { arns: string[] }) {
  const { t } = useBuildWords();
  const list = useQuery(reportsQ(arns));
  if (list.isError) return <ErrorBox error={list.error} />;
  return <Reports reports={list.data ?? []} loading={list.isLoading && arns.length > 0} empty={t('noReports')} />;
}

export function Reports({ reports, loading, empty }: { reports: Report[]; loading: boolean; empty: string }) {
  const { t, ago, at, locale } = useBuildWords();
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  return (
    <Table<Report>
      variant="embedded"
      items={reports}
      loading={loading}
      loadingText={t('loading')}
      empty={empty}
      ariaLabels={{ tableLabel: t('testReports') }}
      columnDefinitions={[
        { id: 'name', header: t('report'), isRowHeader: true, cell: (r) => <span title={r.name}><LinkTo to={reportPath(r.arn)}>{nameOf(r)}</LinkTo></span> },
        { id: 'status', header: t('status'), cell: (r) => <ReportStatus value={r.status} /> },
        { id: 'kind', header: t('reportKind'), cell: (r) => t(r.type === 'CODE_COVERAGE' ? 'CODE_COVERAGE' : 'TEST') },
        { id: 'share', header: t('passRate'), cell: (r) => (share(r) === undefined ? '–' : percent.format((share(r) ?? 0) / 100)) },
        { id: 'tests', header: t('testsOf'), cell: (r) => r.testSummary?.total ?? '–' },
        { id: 'at', header: t('madeAt'), cell: (r) => <span title={at(r.created)}>{ago(r.created)}</span> },
      ]}
    />
  );
}
