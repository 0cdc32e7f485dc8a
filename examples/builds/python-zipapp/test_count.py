import sys
import unittest

sys.path.insert(0, "app")
from count import words


class Words(unittest.TestCase):
    def test_counts_words(self):
        self.assertEqual(words("one  two"), 2)
