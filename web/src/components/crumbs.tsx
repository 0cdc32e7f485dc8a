import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import { useNavigate } from 'react-router';
import { useWords } from '../i18n';

/** Where a page is, and the way up. The last one is the page itself. */
export function Crumbs({ items }: { items: { text: string; to?: string }[] }) {
  const { t } = useWords();
  const go = useNavigate();
  return (
    <BreadcrumbGroup
      ariaLabel={t('navigation')}
      items={items.map((i) => ({ text: i.text, href: `/conveyor${i.to ?? ''}` }))}
      onFollow={(e) => {
        e.preventDefault();
        const to = items[items.findIndex((i) => i.text === e.detail.text)]?.to;
        if (to) void go(to);
      }}
    />
  );
}
