import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Route, Routes, useLocation, useNavigate, useParams } from 'react-router';
import { codePath, repositoryQ } from '../../api/code';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { useCodeWords } from '../../i18n/code';
import { Clone } from './clone';
import { Files } from './files';

const File = lazy(() => import('./file'));
const EditFile = lazy(() => import('./edit-file'));
const Commits = lazy(() => import('./commits'));
const Commit = lazy(() => import('./commit'));
const References = lazy(() => import('./references'));
const Compare = lazy(() => import('./compare'));
const Pulls = lazy(() => import('../pull/pulls'));
const Pull = lazy(() => import('../pull'));
const Settings = lazy(() => import('./settings'));

/** Which tab a page belongs to. */
const tabOf: Record<string, string> = { commits: 'commits', references: 'references', compare: 'references', pulls: 'pulls', settings: 'settings' };

/** Everything about one repository. */
export default function Repository() {
  const name = useParams().name ?? '';
  const { t } = useCodeWords();
  const go = useNavigate();
  const { pathname } = useLocation();
  const about = useQuery(repositoryQ(name));
  const [cloning, setCloning] = useState(false);
  if (about.isError) return <ErrorBox error={about.error} retry={() => void about.refetch()} />;
  const active = tabOf[pathname.split('/')[3] ?? ''] ?? 'code';
  const tabs = [['code', t('code')], ['commits', t('commits')], ['references', t('refs')], ['pulls', t('pullRequests')], ['settings', t('repoSettings')]] as const;
  const where = { repository: name };
  const content = about.data && (
    <Suspense fallback={<Waiting />}>
      <Routes>
        <Route index element={<Files {...where} />} />
        <Route path="code" element={<Files {...where} />} />
        <Route path="file" element={<File {...where} />} />
        <Route path="edit" element={<EditFile {...where} />} />
        <Route path="commits" element={<Commits {...where} />} />
        <Route path="commits/:id" element={<Commit {...where} />} />
        <Route path="references" element={<References {...where} />} />
        <Route path="compare" element={<Compare {...where} />} />
        <Route path="pulls" element={<Pulls {...where} />} />
        <Route path="pulls/:id" element={<Pull {...where} />} />
        <Route path="settings" element={<Settings {...where} />} />
        <Route path="*" element={<Box color="text-body-secondary">{t('notFound')}</Box>} />
      </Routes>
    </Suspense>
  );
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('repositories'), to: '/repositories' }, { text: name }]} />
      <Header variant="h1" description={about.data?.repositoryDescription} actions={<Button iconName="download" onClick={() => setCloning(true)}>{t('cloneURL')}</Button>}>{name}</Header>
      <Tabs
        ariaLabel={name}
        activeTabId={active}
        onChange={(e) => void go(codePath(name, e.detail.activeTabId === 'code' ? '' : e.detail.activeTabId))}
        tabs={tabs.map(([id, label]) => ({ id, label, content: id === active ? content : null }))}
      />
      {cloning && <Clone name={name} url={about.data?.cloneUrlHttp ?? ''} onClose={() => setCloning(false)} />}
    </SpaceBetween>
  );
}
