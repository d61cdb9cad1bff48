// Package bunzip unpacks bzip2, several blocks at a time. Blocks of bzip2 do not depend on each other; where one begins is told by 48 bits at any
// place. Each block is made a stream of its own and given to the decoder of the standard library; what comes out is put together in order.
//
// Any number of streams may stand one behind the other, as programs that pack in parallel write them. All checksums are compared. What stands
// before a fault is given in full. Memory is bounded by the number of blocks that are under way at once, whatever the input claims.
package bunzip
