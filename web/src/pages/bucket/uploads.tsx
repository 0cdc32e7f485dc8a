import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useRef, useState } from 'react';
import { most, TooManyFiles, type Placed } from '../../api/folders';
import { upload } from '../../api/upload';
import { complain, say } from '../../flash';
import { useBucketWords } from '../../i18n/bucket';

interface Item extends Placed {
  id: number;
  sent: number;
  error?: string;
  stop: AbortController;
}

/** How many of the files that wait are shown. */
const shown = 8;

/** useUploads sends files, one after the other, into a folder of a bucket; what lies in folders stays in them. */
export function useUploads(bucket: string, prefix: string, onDone: () => void) {
  const { t } = useBucketWords();
  const [items, setItems] = useState<Item[]>([]);
  const count = useRef(0);
  const change = (id: number, what: Partial<Item>) => setItems((all) => all.map((i) => (i.id === id ? { ...i, ...what } : i)));
  async function send(files: Placed[]) {
    const added = files.map((f) => ({ ...f, id: ++count.current, sent: 0, stop: new AbortController() }));
    setItems((all) => [...all.filter((i) => !i.error), ...added]);
    let sent = 0;
    for (const item of added) {
      if (item.stop.signal.aborted) continue;
      try {
        await upload(bucket, prefix + item.path, item.file, (n) => change(item.id, { sent: n }), item.stop.signal);
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
  async function add(find: () => Placed[] | Promise<Placed[]>) {
    try {
      await send(await find());
    } catch (e) {
      complain(e instanceof TooManyFiles ? new Error(t('tooManyFiles', { n: most })) : e);
    }
  }
  return { items, add: (find: () => Placed[] | Promise<Placed[]>) => void add(find), cancel };
}

/** Files that are on their way. */
export function Uploads({ uploads }: { uploads: ReturnType<typeof useUploads> }) {
  const { t } = useBucketWords();
  if (!uploads.items.length) return null;
  const first = [...uploads.items.filter((i) => i.error), ...uploads.items.filter((i) => !i.error)].slice(0, shown);
  const more = uploads.items.length - first.length;
  return (
    <Container>
      <SpaceBetween size="s">
        {first.map((i) =>
          i.error ? (
            <Alert key={i.id} type="error" dismissible dismissAriaLabel={t('dismiss')} onDismiss={() => uploads.cancel(i)} header={i.path}>{i.error}</Alert>
          ) : (
            <ProgressBar key={i.id} label={i.path} description={t('uploading')} value={i.file.size ? (i.sent / i.file.size) * 100 : 0} additionalInfo={<Button variant="inline-link" onClick={() => uploads.cancel(i)}>{t('cancelUpload')}</Button>} />
          ),
        )}
        {more > 0 && <span>{t('moreUploads', { n: more })}</span>}
      </SpaceBetween>
    </Container>
  );
}
