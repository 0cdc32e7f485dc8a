import Badge from '@cloudscape-design/components/badge';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { downloadURL, remove, versions, type Version } from '../../api/s3';
import { Confirm } from '../../components/confirm';
import Table from '../../components/table';
import { useBucketWords } from '../../i18n/bucket';

/** What an object was before; nothing when the bucket keeps no versions. */
export function Versions({ bucket, objectKey: key, onChange }: { bucket: string; objectKey: string; onChange: () => void }) {
  const { t, at } = useBucketWords();
  const list = useQuery({ queryKey: ['bucket', bucket, 'versions', key], queryFn: () => versions(bucket, key) });
  const [deleting, setDeleting] = useState<Version>();
  const all = list.data ?? [];
  if (all.length < 2 && !all[0]?.deleted) return null;
  const forget = async (v: Version) => {
    await remove(bucket, key, v.id);
    await list.refetch();
    onChange();
  };
  return (
    <>
      <Table<Version>
        items={all}
        trackBy="id"
        empty={t('noVersions')}
        ariaLabels={{ tableLabel: t('versionsOf') }}
        header={<Header variant="h2" counter={`(${all.length})`} description={all[0]?.deleted ? t('restoreHint') : undefined}>{t('versionsOf')}</Header>}
        columnDefinitions={[
          { id: 'id', header: t('version'), isRowHeader: true, cell: (v) => <span><code>{v.id.slice(0, 16)}</code> {v.latest && <Badge color="blue">{t('latestVersion')}</Badge>} {v.deleted && <Badge>{t('deletedVersion')}</Badge>}</span> },
          { id: 'at', header: t('updated'), cell: (v) => at(Date.parse(v.modified) / 1000) },
          { id: 'size', header: t('size'), cell: (v) => (v.deleted ? '–' : v.size) },
          {
            id: 'do', header: t('actions'),
            cell: (v) => (
              <SpaceBetween direction="horizontal" size="s">
                {!v.deleted && <Button variant="inline-link" ariaLabel={`${t('download')} ${v.id}`} href={downloadURL(bucket, key, v.id)} download={key.split('/').pop() ?? true}>{t('download')}</Button>}
                <Button variant="inline-link" ariaLabel={`${t('del')} ${v.id}`} onClick={() => setDeleting(v)}>{t('del')}</Button>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {deleting && <Confirm title={t('deleteVersionTitle')} hint={deleting.id} submit={t('del')} onConfirm={() => forget(deleting)} onClose={() => setDeleting(undefined)} />}
    </>
  );
}
