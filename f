aÿb
c
