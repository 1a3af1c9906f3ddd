"""The bookshop's first books: title, author, categories, whether on the front page."""

from typing import NamedTuple


class Title(NamedTuple):
    title: str
    author: str
    categories: tuple[str, ...]
    featured: bool = False


BOOKS = (
    Title("Emma", "Jane Austen", ("Novels", "Love")),
    Title("Persuasion", "Jane Austen", ("Novels", "Love")),
    Title("Pride and Prejudice", "Jane Austen", ("Novels", "Love"), featured=True),
    Title("Jane Eyre", "Charlotte Brontë", ("Novels", "Love")),
    Title("Wuthering Heights", "Emily Brontë", ("Novels", "Love")),
    Title("Great Expectations", "Charles Dickens", ("Novels",)),
    Title("Bleak House", "Charles Dickens", ("Novels", "Crime")),
    Title("A Tale of Two Cities", "Charles Dickens", ("Novels",)),
    Title("Middlemarch", "George Eliot", ("Novels",), featured=True),
    Title("Silas Marner", "George Eliot", ("Novels",)),
    Title("Moby-Dick", "Herman Melville", ("Novels", "Travel"), featured=True),
    Title("Bartleby, the Scrivener", "Herman Melville", ("Stories",)),
    Title("Frankenstein", "Mary Shelley", ("Novels", "Strange")),
    Title("The Last Man", "Mary Shelley", ("Novels", "Strange")),
    Title("Dracula", "Bram Stoker", ("Novels", "Strange")),
    Title("The Moonstone", "Wilkie Collins", ("Novels", "Crime")),
    Title("The Woman in White", "Wilkie Collins", ("Novels", "Crime")),
    Title("A Study in Scarlet", "Arthur Conan Doyle", ("Crime",)),
    Title("The Sign of the Four", "Arthur Conan Doyle", ("Crime",)),
    Title("The Hound of the Baskervilles", "Arthur Conan Doyle", ("Crime", "Strange"), featured=True),
    Title("The Time Machine", "H. G. Wells", ("Strange",)),
    Title("The War of the Worlds", "H. G. Wells", ("Strange",)),
    Title("The Invisible Man", "H. G. Wells", ("Strange",)),
    Title("Treasure Island", "Robert Louis Stevenson", ("Travel",)),
    Title("Kidnapped", "Robert Louis Stevenson", ("Travel",)),
    Title("Strange Case of Dr Jekyll and Mr Hyde", "Robert Louis Stevenson", ("Strange", "Stories")),
    Title("Around the World in Eighty Days", "Jules Verne", ("Travel",)),
    Title("Journey to the Centre of the Earth", "Jules Verne", ("Travel", "Strange")),
    Title("The Mysterious Island", "Jules Verne", ("Travel",)),
    Title("The Yellow Wallpaper", "Charlotte Perkins Gilman", ("Stories", "Strange")),
    Title("The Awakening", "Kate Chopin", ("Novels",)),
    Title("Dubliners", "James Joyce", ("Stories",)),
    Title("The Voyage Out", "Virginia Woolf", ("Novels", "Travel")),
    Title("Night and Day", "Virginia Woolf", ("Novels", "Love")),
    Title("The Call of the Wild", "Jack London", ("Travel", "Stories")),
    Title("Three Men in a Boat", "Jerome K. Jerome", ("Travel", "Stories")),
)
