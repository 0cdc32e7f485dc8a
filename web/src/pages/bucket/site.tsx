import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import Toggle from '@cloudscape-design/components/toggle';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { siteURL } from '../../api/s3';
import { removeWebsite, setVersioned, setWebsite, versioned, website, type Website } from '../../api/site';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { complain, say } from '../../flash';
import '../../code/code.css';
import { useBucketWords } from '../../i18n/bucket';

/** How a bucket is served, and whether it keeps versions. */
export default function Site({ bucket }: { bucket: string }) {
  const { t } = useBucketWords();
  const site = useQuery({ queryKey: ['bucket', bucket, 'website'], queryFn: async () => (await website(bucket)) ?? null });
  const kept = useQuery({ queryKey: ['bucket', bucket, 'versioned'], queryFn: () => versioned(bucket) });
  if (site.isError) return <ErrorBox error={site.error} retry={() => void site.refetch()} />;
  if (site.data === undefined) return <Waiting />;
  const keep = (on: boolean) => void setVersioned(bucket, on).then(() => kept.refetch()).catch(complain);
  return (
    <SpaceBetween size="l">
      <SiteForm key={JSON.stringify(site.data)} bucket={bucket} site={site.data} />
      <Container header={<Header variant="h2" description={t('versioningHint')}>{t('versioning')}</Header>}>
        {kept.isError ? <ErrorBox error={kept.error} /> : <Toggle checked={!!kept.data} onChange={(e) => keep(e.detail.checked)}>{t('versionsOn')}</Toggle>}
      </Container>
    </SpaceBetween>
  );
}

const fresh: Website = { index: 'index.html', error: 'error.html', redirectAll: '', rules: '' };

function SiteForm({ bucket, site }: { bucket: string; site: Website | null }) {
  const { t } = useBucketWords();
  const queries = useQueryClient();
  const [w, setW] = useState(site ?? fresh);
  const [error, setError] = useState<unknown>();
  const does = (what: Promise<unknown>) => {
    setError(undefined);
    void what.then(() => (say('success', t('siteSaved')), queries.invalidateQueries({ queryKey: ['bucket', bucket] }))).catch(setError);
  };
  const field = (label: string, of: 'index' | 'error' | 'redirectAll', hint?: string) => <FormField label={label} constraintText={hint}><Input value={w[of]} onChange={(e) => setW({ ...w, [of]: e.detail.value.trim() })} /></FormField>;
  const address = new URL(siteURL(bucket), location.href).href;
  return (
    <Container header={<Header variant="h2" description={site ? undefined : t('notASite')} actions={site && <Button onClick={() => does(removeWebsite(bucket))}>{t('noLongerSite')}</Button>}>{t('siteTab')}</Header>}>
      <SpaceBetween size="m">
        {error !== undefined && <ErrorBox error={error} />}
        {site && <FormField label={t('siteAddress')}><Link href={siteURL(bucket)} external target="_blank" rel="noopener">{address}</Link></FormField>}
        {field(t('redirectAll'), 'redirectAll', t('redirectAllHint'))}
        {!w.redirectAll && field(t('indexDocument'), 'index')}
        {!w.redirectAll && field(t('errorDocument'), 'error')}
        {!w.redirectAll && <FormField label={t('routingRules')} constraintText={t('routingRulesHint')} stretch><Textarea className="mono" rows={6} spellcheck={false} value={w.rules} placeholder={'<RoutingRule>\n  <Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition>\n  <Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith></Redirect>\n</RoutingRule>'} onChange={(e) => setW({ ...w, rules: e.detail.value })} /></FormField>}
        <Button variant="primary" disabled={!w.index && !w.redirectAll} onClick={() => does(setWebsite(bucket, w))}>{t('saveSite')}</Button>
      </SpaceBetween>
    </Container>
  );
}
