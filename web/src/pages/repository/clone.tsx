import Box from '@cloudscape-design/components/box';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useCodeWords } from '../../i18n/code';

/** What to type, in the shell. */
export const cloneCommands = {
  key: (url: string) => `git clone ${url}`,
  cli(url: string) {
    const host = new URL(url).origin;
    const helper = `!f() { test "$1" = get && aws codecommit credential-helper get --ignore-host-check; }; f`;
    return `git config --global credential.${host}.helper '${helper}'\ngit config --global credential.${host}.UseHttpPath true\ngit clone ${url}`;
  },
  push: (url: string) => `git remote add origin ${url}\ngit push -u origin HEAD:main`,
};

/** How to get a repository onto one's machine. */
export function Clone({ name, url, onClose }: { name: string; url: string; onClose: () => void }) {
  const { t } = useCodeWords();
  return (
    <Modal visible size="large" header={t('cloneTitle', { name })} closeAriaLabel={t('close')} onDismiss={onClose}>
      <CloneTabs url={url} />
    </Modal>
  );
}

export function CloneTabs({ url, push = false }: { url: string; push?: boolean }) {
  const { t } = useCodeWords();
  if (!url) return null;
  const ways = [
    ...(push ? [{ id: 'push', label: t('pushFirst'), hint: t('pushFirstHint'), text: cloneCommands.push(url) }] : []),
    { id: 'key', label: t('cloneWithKey'), hint: t('cloneWithKeyHint'), text: cloneCommands.key(url) },
    { id: 'cli', label: t('cloneWithCLI'), hint: t('cloneWithCLIHint'), text: cloneCommands.cli(url) },
  ];
  return (
    <Tabs
      ariaLabel={t('cloneURL')}
      tabs={ways.map(({ id, label, hint, text }) => ({
        id, label,
        content: (
          <SpaceBetween size="xs">
            <Box>{hint}</Box>
            <pre className="code" tabIndex={0}>{text}</pre>
            <CopyToClipboard copyButtonText={t('copy')} copySuccessText={t('copied')} copyErrorText={t('failed')} textToCopy={text} />
          </SpaceBetween>
        ),
      }))}
    />
  );
}
