"""The verbs: what each command does, from the files that a person has to the files that they get."""
