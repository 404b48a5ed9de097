"""Do probabilities mean what they say: fitting, reliability, and what decisions are worth."""
