// Package archive packs and unpacks the zip files that artifacts are. Packing is reproducible (same tree, same bytes);
// unpacking trusts nothing: no entry leaves the root, and limits bound files, bytes and ratio.
package archive
