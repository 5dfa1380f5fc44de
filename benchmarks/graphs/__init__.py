"""Graph and quantised indexes of other libraries beside each other, to choose what the engine `hnsw` is made of."""
