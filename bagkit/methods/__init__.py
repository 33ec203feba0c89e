"""The methods of Bag by family: classes that Bag is made of, each a file that can be read alone."""
