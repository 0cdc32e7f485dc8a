import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { summaryQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { LinkTo } from '../components/link-to';
import Table from '../components/table';
import { useInsightsWords } from '../i18n/insights';
import { measure } from '../insights';

export default function Insights() {
  const { t, duration, locale } = useInsightsWords();
  const list = useQuery(summaryQ({ size: 100 }));
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const round = (n: number) => Math.round(n * 10) / 10;
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table
        items={(list.data?.pipelines ?? []).map(measure)}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={t('noData')}
        ariaLabels={{ tableLabel: t('insights') }}
        header={<Header variant="h1" description={t('insightsHint')}>{t('insights')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (m) => <LinkTo to={`/pipelines/${encodeURIComponent(m.name)}`}>{m.name}</LinkTo> },
          { id: 'frequency', header: t('frequency'), cell: (m) => (m.perDay === undefined ? '–' : t('perDay', { n: round(m.perDay) })) },
          { id: 'lead', header: t('leadTime'), cell: (m) => duration(m.lead) },
          { id: 'failures', header: t('failureRate'), cell: (m) => (m.failures === undefined ? '–' : percent.format(m.failures)) },
          { id: 'restore', header: t('restore'), cell: (m) => duration(m.restore) },
        ]}
      />
    </SpaceBetween>
  );
}
