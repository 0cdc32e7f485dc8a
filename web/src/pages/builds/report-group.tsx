import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { reportsOfQ, trendQ, type Report, type TrendField } from '../../api/builds';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { useBuildWords } from '../../i18n/build';
import './builds.css';
import { Reports, share } from './report-table';

/** A report group: how its reports went, one after the other. */
export default function Group() {
  const { t } = useBuildWords();
  const arn = useSearchParams()[0].get('arn') ?? '';
  const name = arn.split('/').pop() ?? arn;
  const list = useQuery(reportsOfQ(arn));
  const coverage = list.data?.[0]?.type === 'CODE_COVERAGE';
  if (list.isError) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('testReports'), to: '/reports' }, { text: name }]} />
      <Header variant="h1">{name}</Header>
      {!!list.data?.length && (
        <Container header={<Header variant="h2" description={t('trendOf', { n: list.data.length })}>{t('trend')}</Header>}>
          <SpaceBetween size="m">
            <Bars reports={[...list.data].reverse()} />
            {(coverage ? (['LINE_COVERAGE', 'BRANCH_COVERAGE'] as const) : (['PASS_RATE', 'DURATION'] as const)).map((f) => <Trend key={f} arn={arn} field={f} />)}
          </SpaceBetween>
        </Container>
      )}
      <Container header={<Header variant="h2">{t('testReports')}</Header>}><Reports reports={list.data ?? []} loading={list.isLoading} empty={t('noReports')} /></Container>
    </SpaceBetween>
  );
}

/** Failed tests of all, in percent; the rest was skipped. */
function bad(r: Report): number {
  const { total = 0, statusCounts: n } = r.testSummary ?? {};
  return total ? (((n?.['FAILED'] ?? 0) + (n?.['ERROR'] ?? 0)) / total) * 100 : 0;
}

/** A bar for each report, as high as its share of good results; what failed stands on it, in red. */
function Bars({ reports }: { reports: Report[] }) {
  const { t, at } = useBuildWords();
  const width = 1000 / Math.max(20, reports.length);
  return (
    <svg className="trend" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label={`${t('trend')}: ${reports.map((r) => `${Math.round(share(r) ?? 0)}%`).join(', ')}`}>
      {[25, 50, 75].map((y) => <line key={y} x1="0" x2="1000" y1={y} y2={y} />)}
      {reports.map((r, i) => {
        const good = share(r) ?? 0;
        return (
          <g key={r.arn}>
            <title>{`${r.name} · ${at(r.created)} · ${Math.round(good)}%`}</title>
            {r.type !== 'CODE_COVERAGE' && <rect className="other" x={i * width + 2} width={width - 4} y="0" height={100 - good} />}
            {r.type !== 'CODE_COVERAGE' && <rect className="rest" x={i * width + 2} width={width - 4} y={100 - good - bad(r)} height={bad(r)} />}
            <rect className="area" x={i * width + 2} width={width - 4} y={100 - good} height={good} />
          </g>
        );
      })}
    </svg>
  );
}

function Trend({ arn, field }: { arn: string; field: TrendField }) {
  const { t, locale, duration } = useBuildWords();
  const { data } = useQuery(trendQ(arn, field));
  const labels: Record<TrendField, string> = { PASS_RATE: t('passRate'), DURATION: t('duration'), LINE_COVERAGE: t('lineCoverage'), BRANCH_COVERAGE: t('branchCoverage') };
  const show = (v?: string) => {
    if (v === undefined || v === '') return '–';
    return field === 'DURATION' ? duration(Number(v) / 1e9) : new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }).format(Number(v) / 100);
  };
  if (!data?.stats) return null;
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: labels[field], value: '' },
        { label: t('average'), value: show(data.stats.average) },
        { label: t('lowest'), value: show(data.stats.min) },
        { label: t('highest'), value: show(data.stats.max) },
      ]}
    />
  );
}
