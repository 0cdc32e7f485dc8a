import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { createBucket, listBuckets } from '../api/s3';
import { publish } from '../api/site';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import Table from '../components/table';
import { useBucketWords } from '../i18n/bucket';

export default function Buckets() {
  const { t, at } = useBucketWords();
  const list = useQuery({ queryKey: ['buckets'], queryFn: listBuckets });
  const [making, setMaking] = useState(false);
  const [sought, setSought] = useState('');
  const found = (list.data ?? []).filter((b) => b.name.includes(sought.toLowerCase()));
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table
        items={found}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={list.data?.length ? t('matches', { n: 0 }) : t('noBuckets')}
        ariaLabels={{ tableLabel: t('buckets') }}
        filter={<TextFilter filteringText={sought} filteringPlaceholder={t('findBuckets')} filteringAriaLabel={t('findBuckets')} countText={t('matches', { n: found.length })} onChange={(e) => setSought(e.detail.filteringText)} />}
        header={<Header variant="h1" counter={list.data && `(${list.data.length})`} actions={<Button variant="primary" onClick={() => setMaking(true)}>{t('createBucket')}</Button>}>{t('buckets')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (b) => <LinkTo to={`/buckets/${b.name}`}>{b.name}</LinkTo> },
          { id: 'at', header: t('bucketCreated'), cell: (b) => at(Date.parse(b.created) / 1000) },
        ]}
      />
      {making && <CreateBucket onClose={() => (setMaking(false), void list.refetch())} />}
    </SpaceBetween>
  );
}

function CreateBucket({ onClose }: { onClose: () => void }) {
  const { t } = useBucketWords();
  const [name, setName] = useState('');
  const [website, setWebsite] = useState(true);
  async function create() {
    await createBucket(name);
    if (website) await publish(name);
  }
  return (
    <FormModal title={t('createBucket')} submit={t('create')} disabled={!name} takes={name ? ['s3:CreateBucket', `arn:aws:s3:::${name}`] : undefined} onSubmit={create} onClose={onClose}>
      <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
      <Checkbox checked={website} description={t('websiteHint')} onChange={(e) => setWebsite(e.detail.checked)}>{t('website')}</Checkbox>
    </FormModal>
  );
}
