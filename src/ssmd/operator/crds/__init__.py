"""Our kinds of resources as CustomResourceDefinitions, made from the typed specs."""
