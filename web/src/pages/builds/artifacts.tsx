import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { lazy, Suspense, useState } from 'react';
import { useNavigate } from 'react-router';
import { placeOf, type Build } from '../../api/builds';
import { downloadURL } from '../../api/s3';
import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';

const ZipContents = lazy(() => import('../../components/zip-contents'));

/** What a build handed over, and where it lies. */
export function Artifacts({ build }: { build?: Build | null }) {
  const { t } = useBuildWords();
  const go = useNavigate();
  const all = [build?.artifacts, ...(build?.secondaryArtifacts ?? [])].filter((a) => a?.location);
  const open = (bucket: string, prefix: string) => void go(`/buckets/${bucket}?${new URLSearchParams({ prefix })}`);
  const [opened, setOpened] = useState<{ name: string; url: string }>();
  return (
    <SpaceBetween size="l">
      <Table
        variant="embedded"
        items={all}
        empty={t('noArtifacts')}
        wrapLines
        ariaLabels={{ tableLabel: t('artifacts') }}
        columnDefinitions={[
          { id: 'location', header: t('sourceLocation'), isRowHeader: true, cell: (a) => <code>{a?.location}</code> },
          { id: 'sum', header: t('checksum'), cell: (a) => (a?.sha256sum ? <code title={a.sha256sum}>{a.sha256sum.slice(0, 12)}</code> : '–') },
          {
            id: 'get', header: t('actions'),
            cell: (a) => {
              const place = placeOf(a?.location);
              if (!place) return null;
              // A zip has a checksum; files that were stored one by one have none, and lie in a folder.
              if (a?.sha256sum || /\.zip$/.test(place.key)) return <Zip url={downloadURL(place.bucket, place.key)} name={place.key.split('/').pop() ?? place.key} onOpen={setOpened} />;
              return <Button variant="inline-link" onClick={() => open(place.bucket, `${place.key}/`)}>{t('openFolder')}</Button>;
            },
          },
        ]}
      />
      {opened && <Suspense><ZipContents key={opened.url} {...opened} /></Suspense>}
    </SpaceBetween>
  );
}

function Zip({ url, name, onOpen }: { url: string; name: string; onOpen: (zip: { name: string; url: string }) => void }) {
  const { t } = useBuildWords();
  return (
    <SpaceBetween direction="horizontal" size="s">
      <Button variant="inline-link" onClick={() => onOpen({ name, url })}>{t('lookInside')}</Button>
      <Button variant="inline-link" href={url} download={name}>{t('downloadArtifact')}</Button>
    </SpaceBetween>
  );
}
