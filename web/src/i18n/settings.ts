import { vocabulary } from '.';

/** The words of the settings. */
export const useSettingsWords = vocabulary({
  en: {
    Users: 'Users', Groups: 'Groups', Roles: 'Roles', policies: 'Policies', connections: 'Connections', webhooks: 'Webhooks', actionTypes: 'Action types', server: 'Server', createUser: 'Create user', createGroup: 'Create group', createRole: 'Create role',
    deleteTitle: 'Delete {name}', deleteHint: 'What is attached goes with it. This cannot be undone.', nobody: 'None yet', noPolicies: 'No policies', noGroups: 'In no group', trustPolicy: 'Who may take the role',
    accessKeys: 'Access keys', createKey: 'Create access key', secretTitle: 'The new access key', secretOnce: 'The secret is shown this once. Keep it where only its user can read it.', secret: 'Secret', activate: 'Activate', deactivate: 'Deactivate', Active: 'Active', Inactive: 'Inactive',
    attachedPolicies: 'Attached policies', attachPolicy: 'Attach policy', detach: 'Detach', inlinePolicies: 'Policies of its own', addPolicy: 'Add policy', policyName: 'Name of the policy', policyDocument: 'Document', choosePolicy: 'Choose a policy', policyHint: 'A JSON document with Version and Statement.', badJSON: 'This is no JSON: {reason}', noStatement: 'A policy has a Version and a Statement.',
    memberOf: 'Groups', addToGroup: 'Add to group', members: 'Members', chooseGroup: 'Choose a group', createPolicy: 'Create policy', editPolicy: 'Edit policy {name}', attachments: 'Attached to', version: 'Version', ofConveyor: 'Built in',
    simulate: 'What may it do?', simulateHint: 'Asks the policies as a request would.', actionsToTry: 'Actions, separated by commas', resourcesToTry: 'Resources, separated by commas', decide: 'Ask', verdict: 'Verdict', decidedBy: 'Decided by', allowed: 'Allowed', explicitDeny: 'Denied', implicitDeny: 'Not allowed',
    noConnections: 'No connections', connectionHint: 'A connection lets sources follow repositories at a forge. `conveyor connection authorize` gives it a token.', createConnection: 'Create connection', forge: 'Forge', hook: 'URL', targetPipeline: 'Pipeline', targetAction: 'Action', authentication: 'Authentication', noWebhooks: 'No webhooks', noTypes: 'No action types of your own', category: 'Category', owner: 'Owner', account: 'Account', serverRegion: 'Region', since: 'Created', address: 'Address', database: 'Database', signedInAs: 'Signed in as', licences: 'Licences', typesHint: 'Job workers of your own do the work of these: see CreateCustomActionType.',
  },
  ko: {
    Users: '사용자', Groups: '그룹', Roles: '역할', policies: '정책', connections: '연결', webhooks: '웹훅', actionTypes: '작업 유형', server: '서버', createUser: '사용자 생성', createGroup: '그룹 생성', createRole: '역할 생성',
    deleteTitle: '{name} 삭제', deleteHint: '연결된 것도 함께 사라집니다. 되돌릴 수 없습니다.', nobody: '아직 없습니다', noPolicies: '정책이 없습니다', noGroups: '속한 그룹이 없습니다', trustPolicy: '역할을 맡을 수 있는 사람',
    accessKeys: '액세스 키', createKey: '액세스 키 생성', secretTitle: '새 액세스 키', secretOnce: '시크릿은 지금 한 번만 보입니다. 사용자만 읽을 수 있는 곳에 보관하세요.', secret: '시크릿', activate: '활성화', deactivate: '비활성화', Active: '활성', Inactive: '비활성',
    attachedPolicies: '연결된 정책', attachPolicy: '정책 연결', detach: '연결 해제', inlinePolicies: '자체 정책', addPolicy: '정책 추가', policyName: '정책 이름', policyDocument: '문서', choosePolicy: '정책 선택', policyHint: 'Version과 Statement가 있는 JSON 문서.', badJSON: 'JSON이 아닙니다: {reason}', noStatement: '정책에는 Version과 Statement가 있어야 합니다.',
    memberOf: '그룹', addToGroup: '그룹에 추가', members: '구성원', chooseGroup: '그룹 선택', createPolicy: '정책 생성', editPolicy: '{name} 정책 편집', attachments: '연결 수', version: '버전', ofConveyor: '기본 제공',
    simulate: '무엇을 할 수 있나요?', simulateHint: '요청이 하듯이 정책에 묻습니다.', actionsToTry: '작업(쉼표로 구분)', resourcesToTry: '리소스(쉼표로 구분)', decide: '묻기', verdict: '판정', decidedBy: '판정한 정책', allowed: '허용', explicitDeny: '거부', implicitDeny: '허용되지 않음',
    noConnections: '연결 없음', connectionHint: '연결은 소스가 포지의 리포지토리를 따라가게 합니다. `conveyor connection authorize`로 토큰을 줍니다.', createConnection: '연결 생성', forge: '포지', hook: 'URL', targetPipeline: '파이프라인', targetAction: '작업', authentication: '인증', noWebhooks: '웹훅 없음', noTypes: '직접 만든 작업 유형 없음', category: '범주', owner: '소유자', account: '계정', serverRegion: '리전', since: '생성', address: '주소', database: '데이터베이스', signedInAs: '로그인한 사용자', licences: '라이선스', typesHint: '직접 만든 작업자가 이 일을 합니다. CreateCustomActionType을 참조하세요.',
  },
});
