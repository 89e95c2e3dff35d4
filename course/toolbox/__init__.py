"""What every chapter may use and what holds no answer: errors, shapes, seeds, corpora, plots, drawings, progress."""
