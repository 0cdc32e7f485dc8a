import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { downloadURL, head, remove, siteURL } from '../../api/s3';
import { Confirm } from '../../components/confirm';
import { ErrorBox } from '../../components/error-box';
import { useBucketWords } from '../../i18n/bucket';
import { placePath } from './objects';
import { PrefixPath } from './prefix-path';
import { Preview } from './preview';
import { Versions } from './versions';

/** One object: what is known of it, its versions, and what is in it when that can be shown. */
export default function ObjectPage({ bucket, objectKey: key, site }: { bucket: string; objectKey: string; site: boolean }) {
  const { t, at, size } = useBucketWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const about = useQuery({ queryKey: ['bucket', bucket, 'head', key], queryFn: () => head(bucket, key) });
  const [deleting, setDeleting] = useState(false);
  const folder = key.split('/').slice(0, -1).map((p) => `${p}/`).join('');
  const h = about.data;
  async function forget() {
    await remove(bucket, key);
    void queries.invalidateQueries({ queryKey: ['bucket', bucket, 'objects'] });
    await go(placePath(bucket, { prefix: folder }));
  }
  return (
    <SpaceBetween size="m">
      <Container
        header={
          <Header
            variant="h2"
            description={<PrefixPath bucket={bucket} prefix={folder} />}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                {site && <Button href={siteURL(bucket) + key.split('/').map(encodeURIComponent).join('/')} target="_blank" rel="noopener" iconName="external">{t('openObject')}</Button>}
                <Button disabled={!h} onClick={() => setDeleting(true)}>{t('deleteObject')}</Button>
                <Button variant="primary" href={downloadURL(bucket, key)} download={key.split('/').pop() ?? true}>{t('download')}</Button>
              </SpaceBetween>
            }
          >
            {key.split('/').pop()}
          </Header>
        }
      >
        {about.isError && <ErrorBox error={about.error} />}
        {h && (
          <KeyValuePairs
            columns={4}
            items={[
              { label: t('size'), value: size(h.size) },
              { label: t('contentType'), value: h.type || '–' },
              { label: t('updated'), value: at(Date.parse(h.modified) / 1000) },
              { label: t('etag'), value: <Box variant="code">{h.etag}</Box> },
              ...(h.cacheControl ? [{ label: t('cacheControl'), value: h.cacheControl }] : []),
              ...h.metadata.map(([label, value]) => ({ label: `${t('metadata')}: ${label}`, value })),
            ]}
          />
        )}
      </Container>
      {h && <Preview bucket={bucket} objectKey={key} head={h} />}
      <Versions bucket={bucket} objectKey={key} onChange={() => void about.refetch()} />
      {deleting && <Confirm title={`${t('deleteObject')}: ${key}`} hint={t('deleteObjectHint')} submit={t('del')} onConfirm={forget} onClose={() => setDeleting(false)} />}
    </SpaceBetween>
  );
}
