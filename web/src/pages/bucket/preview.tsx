import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import { useQuery } from '@tanstack/react-query';
import { pictureType, textOf } from '../../api/code';
import { beginning, downloadURL, type Head } from '../../api/s3';
import { CodeView } from '../../code/code-view';
import { ErrorBox } from '../../components/error-box';
import { useBucketWords } from '../../i18n/bucket';

/** What of an object is read to be shown, in bytes. */
const shown = 256 << 10;

/** Text as text and pictures as pictures. Nothing of an object runs here: a page is shown as its source. */
export function Preview({ bucket, objectKey: key, head }: { bucket: string; objectKey: string; head: Head }) {
  const { t } = useBucketWords();
  const picture = /^image\//.test(head.type) || !!pictureType(key);
  const part = useQuery({ queryKey: ['bucket', bucket, 'beginning', key, head.etag], enabled: !picture, queryFn: () => beginning(bucket, key, head.size && shown) });
  const text = part.data && (textOf(part.data) ?? cutText(part.data, head.size));
  if (part.isError) return <ErrorBox error={part.error} />;
  const body = picture ? (
    <div className="picture"><img alt={key} src={downloadURL(bucket, key)} /></div>
  ) : text === undefined ? (
    <Box padding="m" color="text-body-secondary">{part.data ? t('noPreview') : t('loading')}</Box>
  ) : (
    <CodeView path={key} text={text} />
  );
  return (
    <Container disableContentPaddings header={<Header variant="h2" description={!picture && head.size > shown ? t('previewPart', { n: shown >> 10 }) : undefined}>{t('preview')}</Header>}>{body}</Container>
  );
}

/** A part of a text may end within a character. */
function cutText(part: Uint8Array, size: number): string | undefined {
  if (part.length >= size) return undefined;
  for (let n = 1; n < 4; n++) {
    const text = textOf(part.subarray(0, part.length - n));
    if (text !== undefined) return text;
  }
  return undefined;
}
