import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useRef, useState } from 'react';
import { upload } from '../../api/upload';
import { say } from '../../flash';
import { useBucketWords } from '../../i18n/bucket';

interface Item {
  id: number;
  file: File;
  sent: number;
  error?: string;
  stop: AbortController;
}

/** useUploads sends files, one after the other, into a folder of a bucket. */
export function useUploads(bucket: string, prefix: string, onDone: () => void) {
  const { t } = useBucketWords();
  const [items, setItems] = useState<Item[]>([]);
  const count = useRef(0);
  const change = (id: number, what: Partial<Item>) => setItems((all) => all.map((i) => (i.id === id ? { ...i, ...what } : i)));
  async function add(files: File[]) {
    const added = files.map((file) => ({ id: ++count.current, file, sent: 0, stop: new AbortController() }));
    setItems((all) => [...all.filter((i) => !i.error), ...added]);
    let sent = 0;
    for (const item of added) {
      if (item.stop.signal.aborted) continue;
      try {
        await upload(bucket, prefix + item.file.name, item.file, (n) => change(item.id, { sent: n }), item.stop.signal);
        sent++;
        setItems((all) => all.filter((i) => i.id !== item.id));
      } catch (e) {
        if (!item.stop.signal.aborted) change(item.id, { error: e instanceof Error ? e.message : String(e) });
      }
    }
    if (sent) say('success', t('uploaded', { n: sent }));
    onDone();
  }
  function cancel(item: Item) {
    item.stop.abort();
    setItems((all) => all.filter((i) => i.id !== item.id));
  }
  return { items, add: (files: File[]) => void add(files), cancel };
}

/** Files that are on their way. */
export function Uploads({ uploads }: { uploads: ReturnType<typeof useUploads> }) {
  const { t } = useBucketWords();
  if (!uploads.items.length) return null;
  return (
    <Container>
      <SpaceBetween size="s">
        {uploads.items.map((i) =>
          i.error ? (
            <Alert key={i.id} type="error" dismissible dismissAriaLabel={t('dismiss')} onDismiss={() => uploads.cancel(i)} header={i.file.name}>{i.error}</Alert>
          ) : (
            <ProgressBar key={i.id} label={i.file.name} description={t('uploading')} value={i.file.size ? (i.sent / i.file.size) * 100 : 0} additionalInfo={<Button variant="inline-link" onClick={() => uploads.cancel(i)}>{t('cancelUpload')}</Button>} />
          ),
        )}
      </SpaceBetween>
    </Container>
  );
}
