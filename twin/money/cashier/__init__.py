"""From a card held to the reader to money in the books: policies, holds, captures, bills."""
