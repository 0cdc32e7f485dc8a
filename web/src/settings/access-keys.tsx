import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { iam, part, text } from '../api/iam';
import { Permitted } from '../components/permitted';
import Table from '../components/table';
import { useSettingsWords } from '../i18n/settings';
import type { Part } from './principal';

/** The access keys of a user. A secret is shown when its key is made, and never again. */
export function AccessKeys({ name, details, act }: Part) {
  const { t, at } = useSettingsWords();
  const [made, setMade] = useState<{ id: string; secret: string }>();
  const create = () =>
    act(async () => {
      const key = part(await iam('CreateAccessKey', { UserName: name }), 'AccessKey');
      setMade({ id: text(key, 'AccessKeyId'), secret: text(key, 'SecretAccessKey') });
    });
  const turn = (id: string, Status: 'Active' | 'Inactive') => act(() => iam('UpdateAccessKey', { UserName: name, AccessKeyId: id, Status }));
  return (
    <>
      <Table
        items={details.keys}
        empty="–"
        ariaLabels={{ tableLabel: t('accessKeys') }}
        header={<Header variant="h2" actions={<Permitted action="iam:CreateAccessKey" on={details.arn} onClick={create}>{t('createKey')}</Permitted>}>{t('accessKeys')}</Header>}
        columnDefinitions={[
          { id: 'id', header: t('accessKey'), isRowHeader: true, cell: (k) => <code>{k.id}</code> },
          { id: 'status', header: t('status'), cell: (k) => t(k.status === 'Active' ? 'Active' : 'Inactive') },
          { id: 'created', header: t('since'), cell: (k) => at(Date.parse(k.created) / 1000) },
          {
            id: 'do', header: t('actions'), minWidth: 150,
            cell: (k) => (
              <SpaceBetween direction="horizontal" size="s">
                <Permitted action="iam:UpdateAccessKey" on={details.arn} variant="inline-link" onClick={() => turn(k.id, k.status === 'Active' ? 'Inactive' : 'Active')}>{t(k.status === 'Active' ? 'deactivate' : 'activate')}</Permitted>
                <Permitted action="iam:DeleteAccessKey" on={details.arn} variant="inline-link" ariaLabel={`${t('del')}: ${k.id}`} onClick={() => act(() => iam('DeleteAccessKey', { UserName: name, AccessKeyId: k.id }))}>{t('del')}</Permitted>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {made && (
        <Modal visible header={t('secretTitle')} closeAriaLabel={t('close')} onDismiss={() => setMade(undefined)} footer={<Box float="right"><Button variant="primary" onClick={() => setMade(undefined)}>{t('close')}</Button></Box>}>
          <SpaceBetween size="m">
            <Alert type="warning">{t('secretOnce')}</Alert>
            <KeyValuePairs items={[{ label: t('accessKey'), value: <code>{made.id}</code> }, { label: t('secret'), value: <code>{made.secret}</code> }]} />
            <CopyToClipboard copyButtonText={t('copy')} copySuccessText={t('copied')} copyErrorText={t('failed')} textToCopy={`aws_access_key_id = ${made.id}\naws_secret_access_key = ${made.secret}\n`} />
          </SpaceBetween>
        </Modal>
      )}
    </>
  );
}
