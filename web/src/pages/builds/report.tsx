import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { buildPath, idOf, reportsQ } from '../../api/builds';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import { Waiting } from '../../components/waiting';
import { useBuildWords } from '../../i18n/build';
import { Coverage } from './coverage';
import { ReportStatus } from './report-status';
import { groupPath, nameOf } from './report-table';
import { results, TestCases } from './test-cases';

/** One report: its tests, or which lines were covered. */
export default function ReportPage() {
  const { t, ago, at, duration } = useBuildWords();
  const arn = useSearchParams()[0].get('arn') ?? '';
  const list = useQuery(reportsQ([arn]));
  if (list.isError) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Waiting />;
  const r = list.data[0];
  if (!r) return <Alert type="info">{t('noReports')}</Alert>;
  const tests = r.testSummary;
  const counts = (of: Record<string, number> = {}) => results.filter((k) => of[k]).map((k) => `${t(`r${k}`)} ${of[k]}`).join(' · ');
  const group = r.reportGroupArn?.split('/').pop() ?? '';
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('testReports'), to: '/reports' }, { text: group, to: groupPath(r.reportGroupArn) }, { text: nameOf(r) }]} />
      <Header variant="h1" description={<code>{r.arn}</code>}>{nameOf(r)}</Header>
      {r.truncated && <Alert type="warning">{t('reportTruncated')}</Alert>}
      <Container>
        <KeyValuePairs
          columns={4}
          items={[
            { label: t('status'), value: <ReportStatus value={r.status} /> },
            { label: t('madeAt'), value: <span title={at(r.created)}>{ago(r.created)}</span> },
            { label: t('ofBuild'), value: r.executionId ? <LinkTo to={buildPath(idOf(r.executionId))}>{idOf(r.executionId).replace(/(:.{8}).*/, '$1')}</LinkTo> : '–' },
            { label: t('expires'), value: at(r.expired) },
            ...(tests ? [{ label: t('testsOf'), value: counts(tests.statusCounts) || '0' }, { label: t('duration'), value: duration((tests.durationInNanoSeconds ?? 0) / 1e9) }] : []),
            ...(r.codeCoverageSummary ? [{ label: t('lineCoverage'), value: `${r.codeCoverageSummary.lineCoveragePercentage ?? 0}%` }, { label: t('branchCoverage'), value: `${r.codeCoverageSummary.branchCoveragePercentage ?? 0}%` }] : []),
          ]}
        />
      </Container>
      {r.type === 'CODE_COVERAGE' ? <Coverage report={arn} /> : <TestCases report={arn} />}
    </SpaceBetween>
  );
}
