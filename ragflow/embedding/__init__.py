"""From texts to vectors: model specs, tokenizers, embedders."""
