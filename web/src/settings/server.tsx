import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { actionTypesQ, sessionQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import Table from '../components/table';
import { useSettingsWords } from '../i18n/settings';

/** What this server is. */
export function Server() {
  const { t } = useSettingsWords();
  const { data } = useQuery(sessionQ());
  return (
    <SpaceBetween size="m">
      <Header variant="h2">{t('server')}</Header>
      <KeyValuePairs
        columns={3}
        items={[
          { label: t('address'), value: data?.url },
          { label: t('serverRegion'), value: data?.region },
          { label: t('account'), value: data?.account },
          { label: t('database'), value: data?.database },
          { label: t('signedInAs'), value: data?.arn },
          { label: t('licences'), value: <Link external externalIconAriaLabel={t('licences')} href="/conveyor/licences.txt">{t('licences')}</Link> },
        ]}
      />
    </SpaceBetween>
  );
}

/** The action types that people have added to those of the server. */
export function ActionTypes() {
  const { t } = useSettingsWords();
  const found = useQuery(actionTypesQ());
  if (found.isError) return <ErrorBox error={found.error} retry={() => void found.refetch()} />;
  return (
    <Table
      variant="embedded"
      items={(found.data ?? []).filter((x) => x.id?.owner === 'Custom')}
      loading={found.isLoading}
      loadingText={t('loading')}
      empty={t('noTypes')}
      ariaLabels={{ tableLabel: t('actionTypes') }}
      header={<Header variant="h2" description={t('typesHint')}>{t('actionTypes')}</Header>}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (x) => x.id?.provider },
        { id: 'category', header: t('category'), cell: (x) => x.id?.category },
        { id: 'version', header: t('version'), cell: (x) => x.id?.version },
        { id: 'in', header: t('artifacts'), cell: (x) => `${x.inputArtifactDetails?.maximumCount ?? 0} → ${x.outputArtifactDetails?.maximumCount ?? 0}` },
      ]}
    />
  );
}
