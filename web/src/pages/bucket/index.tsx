import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Tabs from '@cloudscape-design/components/tabs';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { AwsError } from '../../api/aws';
import { siteURL } from '../../api/s3';
import { exposure, noLocks, policy, publicAccessBlock, publish, website, type Exposure } from '../../api/site';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { complain } from '../../flash';
import { useBucketWords } from '../../i18n/bucket';
import { Objects } from './objects';

const ObjectPage = lazy(() => import('./object'));
const Site = lazy(() => import('./site'));
const Access = lazy(() => import('./access'));

/** One bucket: what is in it, and who can see that. */
export default function Bucket() {
  const name = useParams().name ?? '';
  const { t } = useBucketWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const [query] = useSearchParams();
  const key = query.get('object');
  const tab = query.get('tab') ?? 'objects';
  const site = useQuery({ queryKey: ['bucket', name, 'website'], queryFn: async () => (await website(name)) ?? null });
  const seen = useQuery({ queryKey: ['bucket', name, 'exposure'], queryFn: async () => exposure(await policy(name), await publicAccessBlock(name).catch(() => noLocks)) });
  if (site.error instanceof AwsError && site.error.code === 'NoSuchBucket') return <ErrorBox error={site.error} retry={() => void site.refetch()} />;
  const make = () => void publish(name).then(() => queries.invalidateQueries({ queryKey: ['bucket', name] })).catch(complain);
  const show = (id: string) => void go(`/buckets/${name}${id === 'objects' ? '' : `?tab=${id}`}`);
  const panel = key ? <ObjectPage key={key} bucket={name} objectKey={key} site={!!site.data} /> : tab === 'site' ? <Site bucket={name} /> : tab === 'access' ? <Access bucket={name} /> : <Objects key={name} bucket={name} />;
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('buckets'), to: '/buckets' }, { text: name }]} />
      <Header
        variant="h1"
        description={seen.data && <Seen exposure={seen.data} site={!!site.data} />}
        actions={site.data ? <Button variant="primary" href={siteURL(name)} target="_blank" rel="noopener">{t('openSite')}</Button> : site.isSuccess && <Button onClick={make}>{t('makeWebsite')}</Button>}
      >
        {name}
      </Header>
      <Tabs
        ariaLabel={name}
        activeTabId={key ? 'objects' : tab}
        onChange={(e) => show(e.detail.activeTabId)}
        tabs={[['objects', t('objects')], ['site', t('siteTab')], ['access', t('accessTab')]].map(([id = '', label]) => ({ id, label, content: id === (key ? 'objects' : tab) ? <Suspense fallback={<Waiting />}>{panel}</Suspense> : null }))}
      />
    </SpaceBetween>
  );
}

/** Who can see a bucket, in a sentence. */
function Seen({ exposure: e, site }: { exposure: Exposure; site: boolean }) {
  const { t } = useBucketWords();
  const words = { public: site ? 'expPublicSite' : 'expPublic', private: site ? 'expPrivateSite' : 'expPrivate', conditional: 'expConditional', blocked: 'expBlocked' } as const;
  const type = e === 'public' ? (site ? 'success' : 'warning') : e === 'private' && !site ? 'info' : 'warning';
  return <StatusIndicator type={type}>{t(words[e])}</StatusIndicator>;
}
