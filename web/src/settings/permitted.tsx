import Button, { type ButtonProps } from '@cloudscape-design/components/button';
import { useMay } from '../api/ask';
import { useSettingsWords } from '../i18n/settings';

/** All that the settings offer, asked for at once. */
const offered = [
  'iam:CreateUser', 'iam:DeleteUser', 'iam:CreateGroup', 'iam:DeleteGroup', 'iam:CreateRole', 'iam:DeleteRole', 'iam:CreateAccessKey', 'iam:UpdateAccessKey', 'iam:DeleteAccessKey',
  'iam:AttachUserPolicy', 'iam:AttachGroupPolicy', 'iam:AttachRolePolicy', 'iam:DetachUserPolicy', 'iam:DetachGroupPolicy', 'iam:DetachRolePolicy',
  'iam:PutUserPolicy', 'iam:PutGroupPolicy', 'iam:PutRolePolicy', 'iam:DeleteUserPolicy', 'iam:DeleteGroupPolicy', 'iam:DeleteRolePolicy',
  'iam:AddUserToGroup', 'iam:RemoveUserFromGroup', 'iam:CreatePolicy', 'iam:CreatePolicyVersion', 'iam:DeletePolicy', 'iam:SimulatePrincipalPolicy', 'iam:UpdateAssumeRolePolicy',
  'codeconnections:CreateConnection', 'codeconnections:DeleteConnection', 'codepipeline:DeleteWebhook',
].map((action) => [action, '*'] as const);

/** A button for what takes a permission. Who lacks it sees the button, and why it does nothing. */
export function Permitted({ action, ...button }: ButtonProps & { action: string }) {
  const { t } = useSettingsWords();
  const may = useMay(offered)(action);
  return <Button {...button} disabled={button.disabled || !may} disabledReason={may ? undefined : t('forbidden', { action })} />;
}
