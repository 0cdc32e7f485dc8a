import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Icon, { type IconProps } from '@cloudscape-design/components/icon';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { bytes, codePath, fileQ, folderQ, historyQ, repositoryQ, textOf } from '../../api/code';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import Table from '../../components/table';
import { Waiting } from '../../components/waiting';
import { useCodeWords } from '../../i18n/code';
import { CloneTabs } from './clone';
import { Path } from './path';
import { RefPicker, useDefaultRef } from './ref-picker';
import './repository.css';

const Document = lazy(() => import('../../code/markdown'));

interface Entry {
  name: string;
  path: string;
  icon: IconProps.Name;
  /** The page that shows it; nothing of a submodule is here. */
  page?: 'code' | 'file';
}

/** The files of a folder, and what its README says. */
export function Files({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const [query] = useSearchParams();
  const standard = useDefaultRef(repository);
  const ref = query.get('ref') ?? standard.ref;
  const path = query.get('path') ?? '';
  const list = useQuery({ ...folderQ(repository, ref, path), enabled: !!ref });
  if (standard.empty && !query.get('ref')) return <Empty repository={repository} />;
  if (list.isError) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  const entries: Entry[] = [
    ...(list.data?.subFolders ?? []).map((f) => ({ name: f.relativePath ?? '', path: f.absolutePath ?? '', icon: 'folder' as const, page: 'code' as const })),
    ...(list.data?.files ?? []).map((f) => ({ name: f.relativePath ?? '', path: f.absolutePath ?? '', icon: 'file' as const, page: 'file' as const })),
    ...(list.data?.symbolicLinks ?? []).map((f) => ({ name: f.relativePath ?? '', path: f.absolutePath ?? '', icon: 'external' as const, page: 'file' as const })),
    ...(list.data?.subModules ?? []).map((f) => ({ name: `${f.relativePath} @ ${f.commitId?.slice(0, 8)}`, path: f.absolutePath ?? '', icon: 'share' as const })),
  ];
  const readme = entries.find((e) => /^readme(\.md|\.markdown|\.txt)?$/i.test(e.name) && e.page === 'file');
  return (
    <SpaceBetween size="m">
      <div className="code-bar">
        <div className="picker"><RefPicker repository={repository} value={ref} label={t('branch')} onChange={(next) => void go(codePath(repository, 'code', { ref: next, path }))} /></div>
        <Path repository={repository} gitRef={ref} path={path} />
        <Button iconName="add-plus" onClick={() => void go(codePath(repository, 'edit', { ref, folder: path }))}>{t('newFile')}</Button>
      </div>
      <Table<Entry>
        variant="container"
        contentDensity="compact"
        items={entries}
        trackBy="path"
        loading={list.isLoading}
        loadingText={t('loading')}
        ariaLabels={{ tableLabel: t('files') }}
        header={ref && <Latest repository={repository} gitRef={ref} path={path} />}
        columnDefinitions={[{
          id: 'name', header: t('name'), isRowHeader: true,
          cell: (e) => <span className="entry"><Icon name={e.icon} variant="subtle" /> {e.page ? <LinkTo to={codePath(repository, e.page, { ref, path: e.path })}>{e.name}</LinkTo> : e.name}</span>,
        }]}
      />
      {readme && <Readme repository={repository} gitRef={ref} path={readme.path} />}
    </SpaceBetween>
  );
}

/** The newest commit that changed something here. */
function Latest({ repository, gitRef, path }: { repository: string; gitRef: string; path: string }) {
  const { t, ago, at } = useCodeWords();
  const history = useInfiniteQuery(historyQ(repository, { tip: gitRef, path }));
  const latest = history.data?.pages[0]?.commits[0];
  if (!latest) return null;
  return (
    <div className="latest">
      <strong>{latest.author}</strong>
      <span className="cut grow"><LinkTo to={codePath(repository, `commits/${latest.id}`)}>{latest.message.split('\n')[0]}</LinkTo></span>
      <span className="quiet"><code>{latest.id.slice(0, 8)}</code> · <span title={at(latest.at)}>{ago(latest.at)}</span></span>
      <LinkTo to={codePath(repository, 'commits', { ref: gitRef, path })}>{t('history')}</LinkTo>
    </div>
  );
}

function Readme({ repository, gitRef, path }: { repository: string; gitRef: string; path: string }) {
  const file = useQuery(fileQ(repository, gitRef, path));
  const text = file.data && textOf(bytes(file.data.fileContent));
  if (!text) return null;
  return (
    <Container header={<Header variant="h2">{path.split('/').pop()}</Header>}>
      {/\.txt$/i.test(path) ? <pre className="code" tabIndex={0}>{text}</pre> : <Suspense fallback={<Waiting />}><Document text={text} place={{ repository, ref: gitRef, path }} /></Suspense>}
    </Container>
  );
}

/** A repository that nothing has been pushed to tells how to begin. */
function Empty({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const about = useQuery(repositoryQ(repository));
  return (
    <Container>
      <SpaceBetween size="m">
        <Box fontWeight="bold">{t('emptyRepository')}</Box>
        <CloneTabs url={about.data?.cloneUrlHttp ?? ''} push />
      </SpaceBetween>
    </Container>
  );
}
