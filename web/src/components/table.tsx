import Cloudscape, { type TableProps } from '@cloudscape-design/components/table';
import './table.css';

export type { TableProps };

/** Cloudscape's table, which on a phone becomes a list: each row a block in which every value stands beside the name of its
 * column, so that nothing has to be scrolled sideways. */
export default function Table<T>({ columnDefinitions, ...table }: TableProps<T>) {
  return <Cloudscape<T> {...table} className="rows" columnDefinitions={columnDefinitions.map(labelled)} />;
}

/** What speaks for itself needs no name beside it. */
const plain = new Set(['status', 'source', 'revision', 'recent', 'type', 'do', 'kind']);

function labelled<T>(column: TableProps.ColumnDefinition<T>): TableProps.ColumnDefinition<T> {
  if (column.isRowHeader) return { maxWidth: 400, ...column };
  if (plain.has(column.id ?? '') || typeof column.header !== 'string') return column;
  return { ...column, cell: (item) => <div className="value" data-label={column.header}>{column.cell(item)}</div> };
}
