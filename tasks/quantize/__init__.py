"""Stage `quantize`: a fine-tuned encoder in another form, smaller or faster."""
