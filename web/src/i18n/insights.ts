import { vocabulary } from '.';

/** The words of the measures of delivery. */
export const useInsightsWords = vocabulary({
  en: {
    frequency: 'Deployment frequency', leadTime: 'Lead time', failureRate: 'Change failure rate', restore: 'Time to restore', perDay: '{n, number} a day',
    insightsHint: 'Of the newest runs of each pipeline. Lead time is from the start of a run to its success.', noData: 'No data yet', allTogether: '{n, plural, one {# pipeline} other {# pipelines}} together', eachPipeline: 'Each pipeline',
  },
  ko: {
    frequency: '배포 빈도', leadTime: '리드 타임', failureRate: '변경 실패율', restore: '복구 시간', perDay: '하루 {n, number}회',
    insightsHint: '파이프라인별 최근 실행 기준입니다. 리드 타임은 실행 시작부터 성공까지입니다.', noData: '아직 데이터 없음', allTogether: '파이프라인 {n, number}개 전체', eachPipeline: '파이프라인별',
  },
});
