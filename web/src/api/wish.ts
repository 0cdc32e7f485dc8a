import { remembered } from '../remember';

/** Which pipelines a list asks for, and in what order. */
export interface Wish {
  search?: string;
  status?: string;
  sort?: string;
  descending?: boolean;
  /** From 1. */
  page?: number;
  size?: number;
}

export const defaultSize = 20;

/** pageSize is how many rows a person wants to see. */
export function pageSize(): number {
  try {
    return (JSON.parse(remembered('pipelines') ?? '{}') as { pageSize?: number }).pageSize ?? defaultSize;
  } catch {
    return defaultSize;
  }
}

/** wishURL is where the server answers a wish. */
export function wishURL(w: Wish): string {
  const query = new URLSearchParams();
  const size = w.size ?? pageSize();
  if (w.search) query.set('search', w.search);
  if (w.status) query.set('status', w.status);
  if (w.sort) query.set('sort', w.sort);
  if (w.descending) query.set('descending', 'true');
  if ((w.page ?? 1) > 1) query.set('offset', String(((w.page ?? 1) - 1) * size));
  query.set('limit', String(size));
  return `/conveyor/console/summary?${query}`;
}

/** wishOf reads a wish from the address of the page. */
export function wishOf(query: URLSearchParams): Wish {
  return {
    search: query.get('search') ?? '', status: query.get('status') ?? '', sort: query.get('sort') ?? '',
    descending: query.get('descending') === 'true', page: Number(query.get('page')) || 1,
  };
}
