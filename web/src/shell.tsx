import AppLayout from '@cloudscape-design/components/app-layout';
import Box from '@cloudscape-design/components/box';
import Flashbar from '@cloudscape-design/components/flashbar';
import SideNavigation from '@cloudscape-design/components/side-navigation';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { applyMode, Mode } from '@cloudscape-design/global-styles';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Route, Routes, useLocation, useNavigate } from 'react-router';
import { live } from './api/live';
import { sessionQ } from './api/queries';
import { signOut } from './api/session';
import { Boundary } from './components/boundary';
import { ErrorBox } from './components/error-box';
import { LinkTo } from './components/link-to';
import { say, useFlash } from './flash';
import { useWords } from './i18n';
import { remember, remembered } from './remember';

const Settings = lazy(() => import('./pages/settings'));
const SignIn = lazy(() => import('./pages/sign-in'));
const Pipelines = lazy(() => import('./pages/pipelines'));
const Pipeline = lazy(() => import('./pages/pipeline'));
const EditPipeline = lazy(() => import('./pages/edit-pipeline'));
const CreatePipeline = lazy(() => import('./pages/create-pipeline'));
const NewPipeline = lazy(() => import('./pages/new-pipeline'));
const Build = lazy(() => import('./pages/build'));
const Project = lazy(() => import('./pages/builds/project'));
const Batch = lazy(() => import('./pages/builds/batch'));
const Reports = lazy(() => import('./pages/reports'));
const Deployments = lazy(() => import('./pages/deployments'));
const Builds = lazy(() => import('./pages/builds'));
const Repositories = lazy(() => import('./pages/repositories'));
const Repository = lazy(() => import('./pages/repository'));
const Buckets = lazy(() => import('./pages/buckets'));
const Bucket = lazy(() => import('./pages/bucket'));
const Insights = lazy(() => import('./pages/insights'));

const moon = <svg viewBox="0 0 16 16" aria-hidden><path d="M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1Z" /></svg>;
const sun = <svg viewBox="0 0 16 16" aria-hidden><circle cx="8" cy="8" r="3" /><path d="M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13" /></svg>;

const darkFirst = () => (remembered('mode') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';

/** Which entry of the navigation a page belongs to, where its address does not tell. */
const homes: Record<string, string> = { '/pipelines': '/', '/create': '/', '/sign-in': '/', '/projects': '/builds', '/batches': '/builds' };

export function Shell() {
  const { t, locale, setLocale } = useWords();
  const go = useNavigate();
  const { pathname } = useLocation();
  const queries = useQueryClient();
  const session = useQuery(sessionQ());
  const [dark, setDark] = useState(darkFirst);
  const [open, setOpen] = useState(() => innerWidth > 1100);
  const flashes = useFlash();
  const person = session.data;
  useEffect(() => applyMode(dark ? Mode.Dark : Mode.Light), [dark]);
  useEffect(() => {
    if (!person) return undefined;
    return live(queries, () => {
      say('warning', t('ended'));
      queries.setQueryData(sessionQ().queryKey, null);
    });
  }, [person, queries, t]);

  async function leave() {
    await signOut();
    queries.clear();
    queries.setQueryData(sessionQ().queryKey, null);
    await go('/');
  }
  function turn() {
    remember('mode', dark ? 'light' : 'dark');
    setDark(!dark);
  }
  const follow = (e: CustomEvent<{ href?: string }>) => {
    if (!e.detail.href) return;
    e.preventDefault();
    void go(e.detail.href);
  };

  const top = (
    <header id="top">
      <TopNavigation
        identity={{ href: '/', title: t('product'), logo: { src: '/conveyor/logo.svg', alt: t('product') }, onFollow: (e) => (e.preventDefault(), void go('/')) }}
        utilities={[
          { type: 'button', text: t('language'), onClick: () => setLocale(locale === 'en' ? 'ko' : 'en') },
          { type: 'button', iconSvg: dark ? sun : moon, ariaLabel: t('theme'), title: t('theme'), onClick: turn },
          ...(person
            ? [{
                type: 'menu-dropdown' as const, iconName: 'user-profile' as const, text: person.root ? 'root' : person.name, description: person.arn,
                items: [{ id: 'out', text: t('signOut') }], onItemClick: () => void leave(),
              }]
            : []),
        ]}
      />
    </header>
  );
  const first = `/${pathname.split('/')[1] ?? ''}`;
  const content = session.isError ? (
    <ErrorBox error={session.error} retry={() => void session.refetch()} />
  ) : !session.isFetched ? (
    <Waiting />
  ) : !person ? (
    <Suspense fallback={<Waiting />}><SignIn /></Suspense>
  ) : (
    <Suspense fallback={<Waiting />}>
      <Routes>
        <Route path="/" element={<Pipelines />} />
        <Route path="/sign-in" element={<Pipelines />} />
        <Route path="/pipelines/:name" element={<Pipeline />} />
        <Route path="/pipelines/:name/edit" element={<EditPipeline />} />
        <Route path="/create" element={<CreatePipeline />} />
        <Route path="/create/editor" element={<NewPipeline />} />
        <Route path="/builds" element={<Builds />} />
        <Route path="/builds/:id" element={<Build />} />
        <Route path="/projects/:name" element={<Project />} />
        <Route path="/batches/:id" element={<Batch />} />
        <Route path="/reports/*" element={<Reports />} />
        <Route path="/deployments" element={<Deployments />} />
        <Route path="/repositories" element={<Repositories />} />
        <Route path="/repositories/:name/*" element={<Repository />} />
        <Route path="/buckets" element={<Buckets />} />
        <Route path="/buckets/:name" element={<Bucket />} />
        <Route path="/insights" element={<Insights />} />
        <Route path="/settings" element={<Settings />} />
        <Route path="/settings/:part" element={<Settings />} />
        <Route path="/settings/:part/:name" element={<Settings />} />
        <Route path="*" element={<SpaceBetween size="s"><Box variant="h1">{t('notFound')}</Box><Box variant="p">{t('notFoundHint')} <LinkTo to="/">{t('pipelines')}</LinkTo></Box></SpaceBetween>} />
      </Routes>
    </Suspense>
  );
  return (
    <>
      {top}
      <AppLayout
        headerSelector="#top"
        toolsHide
        navigationHide={!person}
        navigationOpen={open}
        onNavigationChange={(e) => setOpen(e.detail.open)}
        ariaLabels={{ navigation: t('navigation'), navigationClose: t('closeNavigation'), navigationToggle: t('openNavigation') }}
        maxContentWidth={Number.MAX_VALUE}
        notifications={<Flashbar items={flashes} stackItems />}
        navigation={
          <SideNavigation
            activeHref={homes[first] ?? first}
            onFollow={(e) => {
              follow(e);
              if (innerWidth < 700) setOpen(false);
            }}
            header={{ text: t('product'), href: '/' }}
            items={[
              { type: 'section-group', title: t('deliver'), items: [{ type: 'link', text: t('pipelines'), href: '/' }, { type: 'link', text: t('deployments'), href: '/deployments' }, { type: 'link', text: t('buckets'), href: '/buckets' }, { type: 'link', text: t('insights'), href: '/insights' }] },
              { type: 'section-group', title: t('develop'), items: [{ type: 'link', text: t('repositories'), href: '/repositories' }, { type: 'link', text: t('builds'), href: '/builds' }, { type: 'link', text: t('testReports'), href: '/reports' }] },
              { type: 'section-group', title: t('administer'), items: [{ type: 'link', text: t('settings'), href: '/settings' }] },
            ]}
          />
        }
        content={<Boundary address={pathname}>{content}</Boundary>}
      />
    </>
  );
}

function Waiting() {
  return <Box textAlign="center" padding="xxl"><Spinner size="large" /></Box>;
}
