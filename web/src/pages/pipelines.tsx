import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CollectionPreferences, { type CollectionPreferencesProps } from '@cloudscape-design/components/collection-preferences';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useNavigate } from 'react-router';
import { summaryQ, type Run, type Summary } from '../api/queries';
import { commit } from '../components/commit';
import { ErrorBox } from '../components/error-box';
import { LinkTo } from '../components/link-to';
import { Status } from '../components/status';
import { useWords, type Key } from '../i18n';
import { remember, remembered } from '../remember';

const columns = ['name', 'status', 'source', 'started', 'recent', 'type', 'mode'] as const;
const statuses = ['InProgress', 'Succeeded', 'Failed', 'Stopped', 'Superseded'] satisfies Key[];
const defaults: CollectionPreferencesProps.Preferences = {
  pageSize: 20, wrapLines: false, contentDisplay: columns.map((id) => ({ id, visible: id !== 'mode' })),
};

const statusOf = (p: Summary) => (p.recent === null ? 'NotAllowed' : p.recent[0]?.status);
const seconds = (time?: string) => (time ? Date.parse(time) / 1000 : undefined);
const startOf = (p: Summary) => seconds(p.recent?.[0]?.started) ?? 0;

function preferences(): CollectionPreferencesProps.Preferences {
  try {
    return { ...defaults, ...(JSON.parse(remembered('pipelines') ?? '{}') as object) };
  } catch {
    return defaults;
  }
}

export default function Pipelines() {
  const { t, at, ago } = useWords();
  const go = useNavigate();
  const list = useQuery(summaryQ());
  const [prefs, setPrefs] = useState(preferences);
  const [sought, setSought] = useState('');
  const [status, setStatus] = useState('');
  const [page, setPage] = useState(1);
  const [sorting, setSorting] = useState<{ column: TableProps.SortingColumn<Summary>; descending: boolean }>();

  const rows = useMemo(() => {
    const low = sought.toLowerCase();
    const found = (list.data ?? []).filter((p) => (!status || statusOf(p) === status) && (!low || text(p).includes(low)));
    const compare = sorting?.column.sortingComparator ?? ((a: Summary, b: Summary) => startOf(b) - startOf(a));
    found.sort(compare);
    return sorting?.descending ? found.reverse() : found;
  }, [list.data, sought, status, sorting]);

  const size = prefs.pageSize ?? 20;
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const shown = Math.min(page, pages);
  const clear = () => (setSought(''), setStatus(''));
  const definitions: TableProps.ColumnDefinition<Summary>[] = [
    { id: 'name', header: t('name'), isRowHeader: true, minWidth: 140, sortingComparator: (a, b) => a.name.localeCompare(b.name), cell: (p) => <LinkTo to={`/pipelines/${encodeURIComponent(p.name)}`}>{p.name}</LinkTo> },
    { id: 'status', header: t('status'), minWidth: 130, sortingComparator: (a, b) => (statusOf(a) ?? '').localeCompare(statusOf(b) ?? ''), cell: (p) => <Status value={statusOf(p)} /> },
    { id: 'source', header: t('source'), minWidth: 200, cell: (p) => <Revision run={p.recent?.[0]} /> },
    { id: 'started', header: t('started'), minWidth: 120, sortingComparator: (a, b) => startOf(a) - startOf(b), cell: (p) => <span title={at(startOf(p))}>{ago(startOf(p))}</span> },
    { id: 'recent', header: t('recent'), minWidth: 120, cell: (p) => <Strip runs={p.recent ?? []} /> },
    { id: 'type', header: t('type'), cell: (p) => <Badge>{p.pipelineType}</Badge> },
    { id: 'mode', header: t('mode'), cell: (p) => p.executionMode },
  ];
  const empty = list.data?.length ? (
    <Box textAlign="center"><Box fontWeight="bold">{t('matches', { n: 0 })}</Box><Button onClick={clear}>{t('clearFilter')}</Button></Box>
  ) : (
    <Box textAlign="center"><Box fontWeight="bold">{t('noPipelines')}</Box><Box color="text-body-secondary">{t('noPipelinesHint')}</Box></Box>
  );
  return (
    <SpaceBetween size="m">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table<Summary>
        items={rows.slice((shown - 1) * size, shown * size)}
        columnDefinitions={definitions}
        columnDisplay={prefs.contentDisplay}
        wrapLines={prefs.wrapLines}
        trackBy="name"
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={empty}
        sortingColumn={sorting?.column}
        sortingDescending={sorting?.descending}
        onSortingChange={(e) => setSorting({ column: e.detail.sortingColumn, descending: e.detail.isDescending ?? false })}
        ariaLabels={{ tableLabel: t('pipelines') }}
        header={
          <Header variant="h1" counter={list.data && `(${list.data.length})`} actions={<Button variant="primary" onClick={() => void go('/create')}>{t('createPipeline')}</Button>}>{t('pipelines')}</Header>
        }
        filter={
          <div className="filters">
            <TextFilter filteringText={sought} filteringPlaceholder={t('findPipelines')} filteringAriaLabel={t('findPipelines')} countText={t('matches', { n: rows.length })} onChange={(e) => (setSought(e.detail.filteringText), setPage(1))} />
            <Select
              ariaLabel={t('status')}
              selectedOption={{ value: status, label: status ? t(status as Key) : t('anyStatus') }}
              onChange={(e) => (setStatus(e.detail.selectedOption.value ?? ''), setPage(1))}
              options={[{ value: '', label: t('anyStatus') }, ...statuses.map((value) => ({ value, label: t(value) }))]}
            />
          </div>
        }
        pagination={<Pagination ariaLabels={{ pageLabel: (n) => t('page', { n }), nextPageLabel: t('nextPage'), previousPageLabel: t('previousPage') }} currentPageIndex={shown} pagesCount={pages} onChange={(e) => setPage(e.detail.currentPageIndex)} />}
        preferences={
          <CollectionPreferences
            title={t('preferences')}
            preferences={prefs}
            onConfirm={(e) => (setPrefs(e.detail), remember('pipelines', JSON.stringify(e.detail)))}
            pageSizePreference={{ title: t('pageSize'), options: [10, 20, 50, 100].map((value) => ({ value, label: String(value) })) }}
            wrapLinesPreference={{ label: t('wrapLines') }}
            contentDisplayPreference={{ title: t('columns'), options: columns.map((id) => ({ id, label: t(id), alwaysVisible: id === 'name' })) }}
          />
        }
      />
    </SpaceBetween>
  );
}

function text(p: Summary): string {
  const r = commit(p.recent?.[0]?.revisions?.[0]?.revision);
  return `${p.name} ${r.id} ${r.message}`.toLowerCase();
}

function Revision({ run }: { run?: Run }) {
  const r = commit(run?.revisions?.[0]?.revision);
  return <span className="cut"><code>{r.id}</code> {r.message}</span>;
}

function Strip({ runs }: { runs: Run[] }) {
  const { t, at } = useWords();
  const name = (r: Run) => t((statuses as string[]).includes(r.status) ? (r.status as Key) : 'Idle');
  return (
    <span className="strip" role="img" aria-label={runs.map(name).join(', ')}>
      {[...runs].reverse().map((r) => <span key={r.id} className={`pip pip-${r.status}`} title={`${name(r)} · ${at(seconds(r.started))} · ${r.reason}`} />)}
    </span>
  );
}
