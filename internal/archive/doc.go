// Package archive packs and unpacks the zip files that artifacts are.
//
// Packing is reproducible: the same names, contents and executable bits give the same bytes on every machine and with
// any number of workers. Unpacking trusts nothing: no entry leaves the destination, and limits bound entries, bytes and
// ratio before the first byte is written.
package archive
