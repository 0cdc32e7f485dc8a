import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useNavigate, useParams } from 'react-router';
import { useSettingsWords } from '../i18n/settings';
import { Connections } from '../settings/connections';
import { Policies } from '../settings/policies';
import { PrincipalPage } from '../settings/principal';
import { kinds } from '../settings/principals';
import { PrincipalsList } from '../settings/principals-list';
import { ActionTypes, Server } from '../settings/server';
import { Webhooks } from '../settings/webhooks';

/** Who may do what, and what this server is connected with. */
export default function Settings() {
  const { t } = useSettingsWords();
  const go = useNavigate();
  const { part = 'users', name } = useParams();
  const kind = kinds.find((k) => part === `${k.toLowerCase()}s`);
  if (kind && name) return <PrincipalPage key={`${kind} ${name}`} kind={kind} name={name} />;
  const tabs = [
    ...kinds.map((k) => ({ id: `${k.toLowerCase()}s`, label: t(`${k}s`), content: <PrincipalsList kind={k} /> })),
    { id: 'policies', label: t('policies'), content: <Policies /> },
    { id: 'connections', label: t('connections'), content: <Connections /> },
    { id: 'webhooks', label: t('webhooks'), content: <Webhooks /> },
    { id: 'types', label: t('actionTypes'), content: <ActionTypes /> },
    { id: 'server', label: t('server'), content: <Server /> },
  ];
  return (
    <SpaceBetween size="m">
      <Header variant="h1">{t('settings')}</Header>
      <Tabs ariaLabel={t('settings')} activeTabId={part} tabs={tabs} onChange={(e) => void go(`/settings/${e.detail.activeTabId}`)} />
    </SpaceBetween>
  );
}
