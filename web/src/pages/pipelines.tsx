import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import type { CollectionPreferencesProps } from '@cloudscape-design/components/collection-preferences';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { summaryQ, type Run, type Summary } from '../api/queries';
import { defaultSize, wishOf, type Wish } from '../api/wish';
import { commit } from '../components/commit';
import { ErrorBox } from '../components/error-box';
import { LinkTo } from '../components/link-to';
import { Status } from '../components/status';
import Table, { type TableProps } from '../components/table';
import { useWords, type Key } from '../i18n';
import { remember, remembered } from '../remember';

const PipelinesPreferences = lazy(() => import('./pipelines-preferences'));

export type Preferences = CollectionPreferencesProps.Preferences;
export const columns = ['name', 'status', 'source', 'started', 'recent', 'type', 'mode'] as const;
const statuses = ['InProgress', 'Succeeded', 'Failed', 'Stopped', 'Superseded'] satisfies Key[];
const defaults: Preferences = {
  pageSize: defaultSize, wrapLines: false, contentDisplay: columns.map((id) => ({ id, visible: id !== 'mode' })),
};

const statusOf = (p: Summary) => (p.recent === null ? 'NotAllowed' : p.recent[0]?.status);
const seconds = (time?: string) => (time ? Date.parse(time) / 1000 : undefined);
const startOf = (p: Summary) => seconds(p.recent?.[0]?.started);

function preferences(): Preferences {
  try {
    return { ...defaults, ...(JSON.parse(remembered('pipelines') ?? '{}') as object) };
  } catch {
    return defaults;
  }
}

/** The list of pipelines. The server searches, sorts and cuts it into pages; what is asked for stands in the address. */
export default function Pipelines() {
  const { t, at, ago, locale } = useWords();
  const go = useNavigate();
  const [query, setQuery] = useSearchParams();
  const [prefs, setPrefs] = useState(preferences);
  const wish = wishOf(query);
  if (!(statuses as string[]).includes(wish.status ?? '')) wish.status = '';
  const size = prefs.pageSize ?? defaultSize;
  const list = useQuery(summaryQ({ ...wish, size }));
  const [typed, setTyped] = useState(wish.search ?? '');

  function ask(change: Wish) {
    const next = Object.entries({ ...wish, page: 1, ...change }).filter(([k, v]) => v && !(k === 'page' && v === 1));
    setQuery(new URLSearchParams(next.map(([k, v]) => [k, String(v)])), { replace: true });
  }
  useEffect(() => {
    if (typed === (wish.search ?? '')) return undefined;
    const pause = setTimeout(() => ask({ search: typed }), 150);
    return () => clearTimeout(pause);
  });
  const clear = () => (setTyped(''), setQuery({}));
  const matching = list.data?.matching ?? 0;
  const sought = !!(wish.search || wish.status);
  const definitions: TableProps.ColumnDefinition<Summary>[] = [
    { id: 'name', header: t('name'), isRowHeader: true, minWidth: 140, sortingField: 'name', cell: (p) => <LinkTo to={`/pipelines/${encodeURIComponent(p.name)}`}>{p.name}</LinkTo> },
    { id: 'status', header: t('status'), minWidth: 130, sortingField: 'status', cell: (p) => <Status value={statusOf(p)} /> },
    { id: 'source', header: t('source'), minWidth: 200, maxWidth: 360, cell: (p) => <Revision run={p.recent?.[0]} /> },
    { id: 'started', header: t('started'), minWidth: 120, sortingField: 'started', cell: (p) => <span title={at(startOf(p))}>{ago(startOf(p))}</span> },
    { id: 'recent', header: t('recent'), minWidth: 120, cell: (p) => <Strip runs={p.recent ?? []} /> },
    { id: 'type', header: t('type'), cell: (p) => <Badge>{p.pipelineType}</Badge> },
    { id: 'mode', header: t('mode'), cell: (p) => p.executionMode },
  ];
  const empty = sought ? (
    <Box textAlign="center"><Box fontWeight="bold">{t('matches', { n: 0 })}</Box><Button onClick={clear}>{t('clearFilter')}</Button></Box>
  ) : (
    <Box textAlign="center"><Box fontWeight="bold">{t('noPipelines')}</Box><Box color="text-body-secondary">{t('noPipelinesHint')}</Box></Box>
  );
  return (
    <SpaceBetween size="m">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table<Summary>
        items={list.data?.pipelines ?? []}
        columnDefinitions={definitions}
        columnDisplay={prefs.contentDisplay}
        wrapLines={prefs.wrapLines}
        trackBy="name"
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={empty}
        sortingColumn={definitions.find((c) => c.sortingField === wish.sort)}
        sortingDescending={wish.descending}
        onSortingChange={(e) => ask({ sort: e.detail.sortingColumn.sortingField, descending: e.detail.isDescending })}
        ariaLabels={{ tableLabel: t('pipelines') }}
        header={
          <Header variant="h1" counter={list.data && `(${matching.toLocaleString(locale)})`} actions={<Button variant="primary" onClick={() => void go('/create')}>{t('createPipeline')}</Button>}>{t('pipelines')}</Header>
        }
        filter={
          <div className="filters">
            <TextFilter filteringText={typed} filteringPlaceholder={t('findPipelines')} filteringAriaLabel={t('findPipelines')} countText={t('matches', { n: matching })} onChange={(e) => setTyped(e.detail.filteringText)} />
            <Select
              ariaLabel={t('status')}
              selectedOption={{ value: wish.status, label: wish.status ? t(wish.status as Key) : t('anyStatus') }}
              onChange={(e) => ask({ status: e.detail.selectedOption.value })}
              options={[{ value: '', label: t('anyStatus') }, ...statuses.map((value) => ({ value, label: t(value) }))]}
            />
          </div>
        }
        pagination={<Pagination ariaLabels={{ pageLabel: (n) => t('page', { n }), nextPageLabel: t('nextPage'), previousPageLabel: t('previousPage') }} currentPageIndex={wish.page ?? 1} pagesCount={Math.max(1, Math.ceil(matching / size))} onChange={(e) => ask({ page: e.detail.currentPageIndex })} />}
        preferences={
          <Suspense fallback={null}>
            <PipelinesPreferences value={prefs} onChange={(p) => (setPrefs(p), remember('pipelines', JSON.stringify(p)))} />
          </Suspense>
        }
      />
    </SpaceBetween>
  );
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
