"""The watch after deployment: what the audited images are like, and evidence that new ones are not."""
