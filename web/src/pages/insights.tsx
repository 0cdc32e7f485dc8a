import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { summaryQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { LinkTo } from '../components/link-to';
import Table from '../components/table';
import { useInsightsWords } from '../i18n/insights';
import { measure, overall, type Measures } from '../insights';

export default function Insights() {
  const { t, duration, locale } = useInsightsWords();
  const list = useQuery(summaryQ({ size: 100 }));
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const round = (n: number) => Math.round(n * 10) / 10;
  const each = (list.data?.pipelines ?? []).map(measure);
  const all = overall(each);
  type Told = Omit<Measures, 'name'>;
  const columns = [
    { id: 'frequency', label: t('frequency'), tell: (m: Told) => (m.perDay === undefined ? '–' : t('perDay', { n: round(m.perDay) })) },
    { id: 'lead', label: t('leadTime'), tell: (m: Told) => duration(m.lead) },
    { id: 'failures', label: t('failureRate'), tell: (m: Told) => (m.failures === undefined ? '–' : percent.format(m.failures)) },
    { id: 'restore', label: t('restore'), tell: (m: Told) => duration(m.restore) },
  ];
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Header variant="h1" description={t('insightsHint')}>{t('insights')}</Header>
      {all.ended > 0 && (
        <Container header={<Header variant="h2">{t('allTogether', { n: each.length })}</Header>}>
          <KeyValuePairs columns={4} items={columns.map((c) => ({ label: c.label, value: <Box variant="awsui-value-large">{c.tell(all)}</Box> }))} />
        </Container>
      )}
      <Table<Measures>
        items={each}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={t('noData')}
        ariaLabels={{ tableLabel: t('insights') }}
        header={<Header variant="h2">{t('eachPipeline')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (m) => <LinkTo to={`/pipelines/${encodeURIComponent(m.name)}`}>{m.name}</LinkTo> },
          ...columns.map((c) => ({ id: c.id, header: c.label, cell: c.tell })),
        ]}
      />
    </SpaceBetween>
  );
}
