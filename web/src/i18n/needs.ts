import { vocabulary } from '.';

/** The words of what holds a pipeline up. */
export const useNeedsWords = vocabulary({
  en: {
    needsReview: '{action} in {stage} waits for your decision', since: 'Asked {when}.', whatToReview: 'What to review', actionFailed: '{action} in {stage} failed', stageFailed: '{stage} failed',
    conditionHolds: 'A condition of {stage} is not met', gateShut: 'The way into {stage} is closed', shutBy: 'By {name}, {when}.', waitsBehind: 'Execution {id} waits for it to open.', openGate: 'Open', moreNeeds: '{n, plural, one {# more below} other {# more below}}',
    neverRan: 'Nothing has moved yet', neverRanHint: 'Push to its source, or release what is there now.', whereItIs: 'Where it is', reasons: 'Reasons',
  },
  ko: {
    needsReview: '{stage} 스테이지의 {action} 작업이 승인을 기다립니다', since: '{when}부터 대기 중입니다.', whatToReview: '검토할 내용 보기', actionFailed: '{stage} 스테이지의 {action} 작업이 실패했습니다', stageFailed: '{stage} 스테이지가 실패했습니다',
    conditionHolds: '{stage} 스테이지의 조건이 충족되지 않았습니다', gateShut: '{stage} 스테이지 진입이 차단되어 있습니다', shutBy: '{name}, {when}.', waitsBehind: '실행 {id}이(가) 대기 중입니다.', openGate: '허용', moreNeeds: '아래에 {n}건 더 있습니다',
    neverRan: '아직 실행된 적이 없습니다', neverRanHint: '소스에 푸시하거나, 지금 있는 변경 사항을 릴리스하세요.', whereItIs: '현재 위치', reasons: '상태별 이유',
  },
});
