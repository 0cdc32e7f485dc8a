import type { ReactNode } from 'react';
import { buildPath, type Build } from '../../api/builds';
import { LinkTo } from '../../components/link-to';
import { Status } from '../../components/status';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';

/** Builds in a table, the newest first. */
export function BuildTable(p: { builds: Build[]; loading: boolean; header: ReactNode; filter?: ReactNode; footer?: ReactNode }) {
  const { t, ago, at, duration } = useBuildWords();
  return (
    <Table<Build>
      items={p.builds}
      trackBy="id"
      loading={p.loading}
      loadingText={t('loading')}
      empty={t('noBuilds')}
      ariaLabels={{ tableLabel: t('builds') }}
      header={p.header}
      filter={p.filter}
      footer={p.footer}
      columnDefinitions={[
        { id: 'id', header: t('name'), isRowHeader: true, minWidth: 140, cell: (b) => <LinkTo to={buildPath(b.id)}>{`${b.projectName} #${b.buildNumber}`}</LinkTo> },
        { id: 'status', header: t('status'), minWidth: 120, cell: (b) => <Status value={b.buildStatus} /> },
        { id: 'source', header: t('sourceVersion'), cell: (b) => <code>{version(b.resolvedSourceVersion ?? b.sourceVersion)}</code> },
        { id: 'by', header: t('initiator'), cell: (b) => b.initiator },
        { id: 'at', header: t('started'), cell: (b) => <span title={at(b.startTime)}>{ago(b.startTime)}</span> },
        { id: 'for', header: t('duration'), cell: (b) => duration(b.startTime && b.endTime ? b.endTime - b.startTime : undefined) },
      ]}
    />
  );
}

/** A commit by its beginning, anything else as it is. */
export const version = (v?: string) => (v && /^[0-9a-f]{40}$/.test(v) ? v.slice(0, 8) : (v?.replace(/^refs\/heads\//, '').replace(/^arn:.*\//, '') ?? '–'));
